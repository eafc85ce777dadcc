// The pieces an open session is shown with: the code, the moving QR code, the time, and the lines about trouble.
import { button, h, setText } from './dom.js';
import type { Scene } from './view.js';
import type { Mode, OpenSession } from '../types.js';

/** A piece of a view that follows the session. */
export interface Block {
  readonly element: HTMLElement;
  update(session: OpenSession): void;
}

/** Says something to screen readers, politely. */
export type Announce = (text: string) => void;

const copiedFor = 2500;

/**
 * The code in two groups of digits, large, and digit by digit for screen readers. It reads left to right in every
 * language. Only a code that has to be typed can be copied.
 */
export function codeBlock(scene: Scene, mode: Mode, announce: Announce): Block {
  const { t } = scene;
  const halves = [h('span'), h('span')] as const;
  const spoken = h('span', { class: 'unseen' });
  const digits = h('span', { class: 'digits', dir: 'ltr', 'aria-hidden': 'true' }, ...halves);
  let code = '';
  const copy = mode === 'enter' && copyButton(scene, digits, () => code, announce);
  const element = h('div', { part: 'code-box', class: 'code-box' }, h('p', { part: 'code', class: 'code' }, digits, spoken), copy);
  const update = (session: OpenSession): void => {
    if (session.code === code) return;
    const isChange = code !== '';
    code = session.code;
    setText(halves[0], code.slice(0, 3));
    setText(halves[1], code.slice(3));
    const said = `${t('code')} ${[...code].map((d) => (d === '*' ? t('codeHidden') : d)).join(' ')}`;
    setText(spoken, said);
    // Whoever is typing the old code by ear has to learn that it is no longer the one.
    if (isChange && !code.includes('*')) announce(said);
  };
  return { element, update };
}

function copyButton(scene: Scene, digits: HTMLElement, code: () => string, announce: Announce): HTMLButtonElement {
  const { t } = scene;
  let back: ReturnType<typeof setTimeout> | undefined;
  const say = (text: string): void => {
    setText(copy, text);
    announce(text);
    clearTimeout(back);
    back = setTimeout(() => setText(copy, t('copy')), copiedFor);
  };
  const copy = button('copy', 'secondary', t('copy'), () => {
    // The clipboard is refused outside secure contexts and by some embedders; then the digits are marked instead.
    const done = navigator.clipboard?.writeText(code()) ?? Promise.reject(new Error('no clipboard'));
    done.then(() => say(t('copied')), () => {
      getSelection()?.selectAllChildren(digits);
      say(t('copyFailed'));
    });
  });
  return copy;
}

/** The moving QR code. It is redrawn also for those who prefer reduced motion, because a still one would not work. */
export interface QRBlock {
  readonly element: HTMLElement;
  /** Draws what the code says now, unless it says the same as before. */
  draw(): void;
}

/** Makes the QR block; `read` gives the text, `paint` the picture. */
export function qrBlock(scene: Scene, help: string, read: () => Promise<string>, paint: (text: string) => SVGSVGElement): QRBlock {
  const box = h('div', { part: 'qr', class: 'qr', role: 'img', 'aria-label': scene.t('qrLabel') });
  const element = h('div', { part: 'qr-box', class: 'qr-box' }, box, h('p', { part: 'qr-help', class: 'help' }, help));
  let drawn = '';
  const draw = (): void => {
    if (document.visibilityState === 'hidden' && drawn !== '') return;
    void read().then((text) => {
      if (text === drawn || text === '') return;
      drawn = text;
      const picture = paint(text);
      // The box around it carries the role and the name, and stays where it is when the picture changes.
      picture.removeAttribute('role');
      picture.setAttribute('aria-hidden', 'true');
      box.replaceChildren(picture);
    });
  };
  return { element, draw };
}

/** The time left, with a way to more of it. */
export interface TimeBlock extends Block {
  tick(): void;
}

const moments = [30, 10, 0] as const;

/**
 * The countdown. What changes every second is hidden from screen readers; they are told at 30, 10 and 0 seconds, and
 * the button for more time comes with the first of these (WCAG 2.2.1 wants 20 s for that).
 */
export function timeBlock(scene: Scene, restart: () => void, announce: Announce): TimeBlock {
  const { t } = scene;
  const time = h('bdi', { class: 'clock', dir: 'ltr' });
  const timer = h('p', { part: 'timer', class: 'timer', 'aria-hidden': 'true' }, h('span', {}, t('timeLeft')), ' ', time);
  const more = button('more-time', 'secondary', t('moreTime'), restart);
  more.hidden = true;
  const element = h('div', { class: 'time' }, timer, more);
  let endsAt = 0;
  let before = Infinity;
  const tick = (): void => {
    // Rounded down: a little too little does no harm, and a session that is announced for 120 s does not begin at 2:01.
    const left = Math.max(0, Math.floor((endsAt - Date.now()) / 1000));
    setText(time, clock(left));
    timer.classList.toggle('ending', left <= 10);
    more.hidden = left > moments[0];
    const reached = moments.filter((m) => left <= m && before > m).at(-1);
    before = left;
    if (reached !== undefined) announce(timeWords(scene, reached, left));
  };
  const update = (session: OpenSession): void => { endsAt = session.endsAt; tick(); };
  return { element, update, tick };
}

function timeWords({ t }: Scene, moment: number, left: number): string {
  if (moment === 0) return t('timeUp');
  const words = t('secondsLeft', { n: left });
  return moment === moments[0] ? `${words} ${t('moreTimeHint')}` : words;
}

/** Seconds as `m:ss`. */
export function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** The lines about a failed try, and about a connection that has been gone for a while. */
export interface TroubleBlock extends Block {
  tick(): void;
}

const patience = 2000;

/** Makes the trouble lines. A failed try is an alert; a lost connection is quiet, for it mends itself. */
export function troubleBlock(scene: Scene): TroubleBlock {
  const { t } = scene;
  const failed = h('p', { part: 'message message-failed', class: 'message failed', role: 'alert' });
  const offline = h('p', { part: 'message message-offline', class: 'message', role: 'status' });
  const element = h('div', { class: 'trouble' }, failed, offline);
  let goneSince: number | undefined;
  const tick = (): void => {
    setText(offline, goneSince !== undefined && Date.now() - goneSince > patience ? t('offline') : '');
  };
  const update = (session: OpenSession): void => {
    goneSince = session.connection === 'none' ? goneSince ?? Date.now() : undefined;
    const { failed: last } = session;
    setText(failed, last === undefined ? ''
      : last.reason === 'Invalid signature' ? t('badSignature') : t('wrongCode', { n: last.attemptsRemaining }));
    tick();
  };
  return { element, update, tick };
}
