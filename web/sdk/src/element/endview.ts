// The views of a login that is over: what happened, in honest words, and what can be done now.
import { clock } from './blocks.js';
import { button, h, icon, setText } from './dom.js';
import type { Child, Sign } from './dom.js';
import { keyOf } from './openview.js';
import { frame } from './view.js';
import type { Scene, View } from './view.js';
import type { TextKey } from './texts.js';
import type { Canceller, LoginErrorCode, LoginErrorLike, LoginState, Reason } from '../types.js';

/** A state after which nothing more comes. */
export type EndState = Extract<LoginState, { name: 'approved' | 'rejected' | 'expired' | 'cancelled' | 'failed' }>;

/** Whether nothing more comes after this state. */
export function isEnd(state: LoginState): state is EndState {
  return ['approved', 'rejected', 'expired', 'cancelled', 'failed'].includes(state.name);
}

/** How an end is told. */
interface End {
  readonly sign: Sign;
  readonly title: TextKey;
  readonly text: TextKey;
  /** Whether to add that nobody was logged in, or nothing approved. */
  readonly outcome?: boolean;
  /** Whether starting again can make a difference. */
  readonly again?: boolean;
}

const approved: End = { sign: 'yes', title: 'approvedTitle', text: 'approvedText' };
const expired: End = { sign: 'time', title: 'expiredTitle', text: 'expiredText', outcome: true, again: true };

const rejections: Readonly<Record<Reason, End>> = {
  'Declined': { sign: 'no', title: 'declinedTitle', text: 'declinedText', outcome: true, again: true },
  // No way to start again here: whoever holds the phone has just said that they are not in front of this page.
  'Reported': { sign: 'no', title: 'reportedTitle', text: 'reportedText', outcome: true },
  'Too many attempts': { sign: 'no', title: 'tooManyTitle', text: 'tooManyText', outcome: true, again: true },
  'Invalid OTP': { sign: 'no', title: 'rejectedTitle', text: 'rejectedText', outcome: true, again: true },
  'Invalid signature': { sign: 'no', title: 'rejectedTitle', text: 'rejectedText', outcome: true, again: true },
};

const cancellations: Readonly<Record<Canceller, End>> = {
  page: { sign: 'no', title: 'cancelledTitle', text: 'cancelledPage', outcome: true, again: true },
  service: { sign: 'no', title: 'cancelledTitle', text: 'cancelledService', outcome: true, again: true },
  admin: { sign: 'no', title: 'cancelledTitle', text: 'cancelledAdmin', outcome: true },
  replaced: { sign: 'note', title: 'replacedTitle', text: 'replacedText', again: true },
};

const failures: Readonly<Record<LoginErrorCode, End>> = {
  cancelled: cancellations.page,
  expired,
  rejected: rejections['Invalid OTP'],
  refused: { sign: 'note', title: 'refusedTitle', text: 'refusedText' },
  limited: { sign: 'time', title: 'limitedTitle', text: 'limitedText', again: true },
  network: { sign: 'note', title: 'networkTitle', text: 'networkText', again: true },
  lost: { sign: 'note', title: 'lostTitle', text: 'lostText', again: true },
  unsupported: { sign: 'note', title: 'unsupportedTitle', text: 'unsupportedText' },
};

function endOf(state: EndState): End {
  switch (state.name) {
    case 'approved': return approved;
    case 'expired': return expired;
    // A later server may know reasons that this page does not; not to show the end would be worse than to show it roughly.
    case 'rejected': return rejections[state.reason] ?? rejections['Invalid OTP'];
    case 'cancelled': return cancellations[state.by] ?? cancellations.page;
    case 'failed': return failures[state.error.code];
  }
}

/** How a page goes on after an end that is not to be tried again: to another page, or by something that it does. */
export interface Onward {
  readonly to: string | (() => void);
  readonly text: string;
}

/** Builds the view of an end; `again` starts another login, unless there is only the way on. */
export function endView(scene: Scene, state: EndState, again: () => void, onward?: Onward): View {
  const { t, brand } = scene;
  const end = endOf(state);
  const error = state.name === 'failed' ? state.error : undefined;
  const retry = end.again === true && onward === undefined && button('try-again', 'primary', t('tryAgain'), again);
  const wait = retry !== false && error?.retryAfter !== undefined ? waiting(scene, error.retryAfter, retry) : undefined;
  const words = state.name === 'approved' && brand.endsHere ? `${t('finishedTitle')}.`
    : end.text === 'cancelledService' && brand.service === '' ? t('cancelledSomeService') : t(end.text, { service: brand.service });
  const outcome = end.outcome === true && t(brand.approval ? 'nothingApproved' : 'nobodyLoggedIn');
  const { panel, heading } = messagePanel(scene, state.name, end.sign, t(end.title),
    h('p', { part: 'text message' }, outcome ? `${words} ${outcome}` : words),
    wait?.element, problemLine(scene, error),
    retry && h('div', { class: 'foot' }, retry),
    onward && h('div', { class: 'foot' }, wayOn(onward)));
  return {
    key: keyOf(state), panel, heading, takesFocus: true, announcement: `${t(end.title)}. ${words}${outcome ? ` ${outcome}` : ''}`,
    ...(wait ? { tick: wait.tick } : {}),
  };
}

function wayOn({ to, text }: Onward): HTMLElement {
  if (typeof to !== 'string') return button('onward', 'primary', text, to);
  return h('a', { part: 'button primary onward', class: 'primary', href: to, 'data-action': 'onward' }, text);
}

/** The panel of a plain message: a sign, a heading and what follows. */
export function messagePanel(scene: Scene, kind: string, sign: Sign, title: string, ...children: Child[]): { panel: HTMLElement; heading: HTMLElement } {
  const built = frame(scene, kind, title, ...children);
  built.panel.classList.add('message-panel');
  built.heading.before(icon(sign));
  return built;
}

function problemLine({ t }: Scene, error: LoginErrorLike | undefined): HTMLElement | false {
  if (error?.problem === undefined) return false;
  return h('p', { part: 'problem', class: 'help' }, t('problem', { problem: error.problem }));
}

/** Keeps the button shut until the server takes starts again, and shows how long that is. */
function waiting({ t }: Scene, seconds: number, retry: HTMLButtonElement): { element: HTMLElement; tick(): void } {
  const until = Date.now() + seconds * 1000;
  const element = h('p', { part: 'text wait', class: 'help' });
  const tick = (): void => {
    const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    retry.disabled = left > 0;
    setText(element, left > 0 ? t('limitedWait', { time: clock(left) }) : t('limitedOver'));
  };
  tick();
  return { element, tick };
}
