// The views of a session that is not over: waiting for a phone, on a phone, and taken over by another tab.
import { codeBlock, qrBlock, timeBlock, troubleBlock } from './blocks.js';
import type { Announce, QRBlock } from './blocks.js';
import { button, h } from './dom.js';
import { frame, purpose } from './view.js';
import type { Scene, View } from './view.js';
import type { LoginState, Mode, OpenSession } from '../types.js';

type State<N extends LoginState['name']> = Extract<LoginState, { name: N }>;

/** What the views of an open session can ask of the login. */
export interface Conduct {
  cancel(): void;
  restart(): void;
  takeBack(): void;
  handedOver(): void;
  qrText(): Promise<string>;
  handoverLink(): Promise<string>;
  paintQR(text: string): SVGSVGElement;
  announce: Announce;
  /** Whether the app is likelier on this device than on another: a touch screen. */
  readonly handy: boolean;
}

/** While the server is asked for a session. */
export function startingView(scene: Scene, conduct: Conduct): View {
  const { t } = scene;
  const { panel, heading } = frame(scene, 'starting', purpose(scene),
    h('p', { part: 'text', class: 'busy' }, h('span', { class: 'spinner', 'aria-hidden': 'true' }), t('starting')),
    h('div', { class: 'foot' }, cancelButton(scene, conduct)));
  return { key: 'starting', panel, heading, announcement: '' };
}

/** While no phone has opened the session. */
export function pendingView(scene: Scene, conduct: Conduct, state: State<'pending'>): View {
  const { t } = scene;
  const { mode } = state;
  const code = mode !== 'scan' && codeBlock(scene, mode, conduct.announce);
  const qr = qrBlock(scene, t(scanHelp[mode]), conduct.qrText, conduct.paintQR);
  const time = timeBlock(scene, conduct.restart, conduct.announce);
  const trouble = troubleBlock(scene);
  const intro = h('p', { part: 'text intro', class: 'intro' }, t(intros[mode]));
  const ways = h('div', { class: code ? 'ways two' : 'ways' }, code && code.element, qr.element);
  const { panel, heading } = frame(scene, 'pending', purpose(scene), intro, ways, trouble.element,
    h('div', { class: 'foot' }, time.element, cancelButton(scene, conduct)));
  if (code) panel.classList.add('wide');
  void conduct.handoverLink().then((link) => {
    if (link !== '') offerThisDevice(scene, conduct, { link, panel, intro, ways, qr, mode });
  });
  const blocks = [...(code ? [code] : []), time, trouble];
  const update = (next: LoginState): void => { if (next.name === 'pending') blocks.forEach((b) => b.update(next)); };
  update(state);
  qr.draw();
  const tick = (): void => { qr.draw(); time.tick(); trouble.tick(); };
  return { key: keyOf(state), panel, heading, announcement: `${purpose(scene)}. ${intro.textContent}`, update, tick };
}

const intros = { enter: 'enterIntro', scan: 'scanIntro', compare: 'compareIntro' } as const;
const scanHelp = { enter: 'cannotScanEnter', scan: 'cannotScan', compare: 'cannotScanCompare' } as const;

interface Offer {
  readonly link: string;
  readonly panel: HTMLElement;
  readonly intro: HTMLElement;
  readonly ways: HTMLElement;
  readonly qr: QRBlock;
  readonly mode: Mode;
}

/**
 * Adds the link to an app on this device: first on a phone, where nobody can scan their own screen, and folded away
 * elsewhere. It is a link to be followed and never opens by itself. It opens a tab of its own because this one has to
 * stay: only the browser tab that began can finish.
 */
function offerThisDevice(scene: Scene, conduct: Conduct, offer: Offer): void {
  const { t } = scene;
  const { intro, ways, qr } = offer;
  const anchor = h('a', { part: `button ${conduct.handy ? 'primary' : 'secondary'} open-app`, class: conduct.handy ? 'primary' : 'secondary',
    href: offer.link, target: '_blank', rel: 'noopener', 'data-action': 'open-app' }, t('openApp'));
  // A click with the middle button, a long press and the menu's "open in a new tab" are no clicks, and lead there too.
  for (const follows of ['pointerdown', 'contextmenu', 'click']) anchor.addEventListener(follows, () => conduct.handedOver());
  const help = h('p', { part: 'text', class: 'help' }, t('openAppHelp'));
  if (!conduct.handy) {
    ways.after(fold('this-device', t('thisDevice'), help, anchor));
    return;
  }
  offer.panel.classList.remove('wide');
  ways.classList.remove('two');
  intro.before(h('div', { class: 'this-device' }, anchor, help));
  if (offer.mode === 'enter') intro.textContent = t('enterIntroCode');
  const other = fold('other-device', t('otherDevice'), ...(offer.mode === 'scan' ? [intro] : []), qr.element);
  ways.append(other);
}

function fold(name: string, title: string, ...children: Node[]): HTMLElement {
  return h('details', { part: name, class: 'fold' }, h('summary', { part: 'summary', 'data-action': name }, title),
    h('div', { class: 'folded' }, ...children));
}

/** While the request is open on a phone. The code stays, because it is typed only now. */
export function claimedView(scene: Scene, conduct: Conduct, state: State<'claimed'>): View {
  const { t, brand } = scene;
  const { mode } = state;
  const code = mode !== 'scan' && codeBlock(scene, mode, conduct.announce);
  const time = timeBlock(scene, conduct.restart, conduct.announce);
  const trouble = troubleBlock(scene);
  const device = deviceName(state);
  const what = t(claimedHelp[mode]);
  const { panel, heading } = frame(scene, 'claimed', t('claimedTitle'),
    brand.ask !== '' && h('p', { part: 'ask', class: 'ask' }, h('bdi', {}, brand.ask)),
    device !== '' && h('p', { part: 'text device' }, t('claimedOn', { device })),
    h('p', { part: 'text intro', class: 'intro' }, what),
    code && code.element, trouble.element,
    h('div', { class: 'foot' }, time.element, cancelButton(scene, conduct)));
  const blocks = [...(code ? [code] : []), time, trouble];
  const update = (next: LoginState): void => { if (next.name === 'claimed') blocks.forEach((b) => b.update(next)); };
  update(state);
  const tick = (): void => { time.tick(); trouble.tick(); };
  return { key: keyOf(state), panel, heading, announcement: `${t('claimedTitle')}. ${what}`, update, tick };
}

const claimedHelp = { enter: 'claimedEnter', scan: 'claimedScan', compare: 'claimedCompare' } as const;

/** The phone's name if the service may know it, else its system by the name people know it by, else ''. */
function deviceName(state: State<'claimed'>): string {
  const systems = new Map([['android', 'Android'], ['ios', 'iOS']]);
  return state.deviceName ?? systems.get(state.platform.toLowerCase()) ?? '';
}

/** When another tab shows the session. */
export function elsewhereView(scene: Scene, conduct: Conduct, state: State<'elsewhere'>): View {
  const { t } = scene;
  const { panel, heading } = frame(scene, 'elsewhere', t('elsewhereTitle'),
    h('p', { part: 'text' }, t('elsewhereText')),
    h('div', { class: 'foot' }, button('take-back', 'primary', t('takeBack'), conduct.takeBack), cancelButton(scene, conduct)));
  return { key: keyOf(state), panel, heading, announcement: t('elsewhereTitle') };
}

/** The key of a state's view: another session or another step is another view. */
export function keyOf(state: LoginState): string {
  return 'sessionId' in state ? `${state.name} ${(state satisfies OpenSession).sessionId}` : state.name;
}

function cancelButton({ t }: Scene, conduct: Conduct): HTMLButtonElement {
  return button('cancel', 'quiet', t('cancel'), conduct.cancel);
}
