/**
 * Opens one session, shows what it asks, and sends what the user decides.
 */
import type { App, Screen } from '../context.js';
import { createDecide } from '../decide.js';
import type { Decide, Decided } from '../decide.js';
import { goodReturn, typedCode } from '../decision.js';
import type { Claimed } from '../decision.js';
import { checkDisplay } from '../display.js';
import { visible } from '../visible.js';
import type { Checked } from '../display.js';
import { actionButton, h, linkButton } from '../dom.js';
import { Problem } from '../problem.js';
import type { Decision } from '../protocol.js';
import { clockText, explain } from '../words.js';
import type { Doing } from '../words.js';
import { createPanel } from './panel.js';

/** A session that is open on the screen. */
interface OpenSession extends Checked {
  readonly claimed: Claimed;
  readonly expiresAt: string;
  /** The code to compare; empty in every other case. */
  readonly compare: string;
}

/** After these there is nothing left to decide. */
const over = new Set(['session_not_found', 'session_expired', 'too_many_attempts', 'session_resolved', 'already_claimed']);
/** After these the session cannot be decided here any more. */
const final = new Set([...over, 'unknown_device', 'invalid_request', 'invalid_signature']);
/** After these it can, once it has been opened again. */
const reopen = new Set(['not_claimed', 'display_changed']);

/** The screen of one session, claimed with `scan` (`{t}:{c}`, `h:{h}` or empty). */
export function decideScreen(app: App, sessionId: string, scan: string): Screen {
  const body = h('div', { class: 'stack' }, h('p', { role: 'status' }, 'Opening the request…'));
  let clear = (): void => undefined;
  let left = false;
  const show = (parts: readonly Node[], cleanUp: () => void = () => undefined): void => {
    clear();
    clear = cleanUp;
    body.replaceChildren(...parts);
  };
  const ended = (result: string, heading: string, text: string, more: readonly Node[] = []): void => {
    if (left) return;
    history.replaceState(null, '', '#/'); // a reload must not open it again
    app.state.scans.delete(sessionId);
    show([resultView(app, result, text, more)]);
    app.retitle(heading);
  };
  const failed = (heading: string, error: unknown, doing: Doing): void => {
    if (error instanceof Problem && over.has(error.code)) app.drop(sessionId);
    ended('failed', heading, explain(error, doing), nextSteps(app, error, sessionId, scan));
  };

  const begin = (): Promise<void> => open(app, sessionId, scan).then((session) => {
    if (left) return;
    const view = decisionView(app, session, {
      decided: (decided) => {
        app.drop(sessionId);
        afterDecision(app, session, decided, ended);
      },
      failed: (error) => failed('This has ended', error, 'decide'),
    });
    show(view.parts, view.stop);
    view.parts[0]?.focus({ preventScroll: true });
  }).catch((error: unknown) => failed('This cannot be approved here', error, 'open'));
  if (!scan.startsWith('h:') || chosen(sessionId)) void begin();
  else show(askFirst(() => void begin()));
  return {
    title: 'Do you want to approve this?',
    body: [body],
    leave: () => {
      left = true;
      clear();
    },
  };
}

/** Whether the user has just pressed the button of the page behind the link, in this tab. Counts once. */
function chosen(sessionId: string): boolean {
  try {
    const id = sessionStorage.getItem('countersign.open');
    sessionStorage.removeItem('countersign.open');
    return id === sessionId;
  } catch {
    return false; // no storage: the user is asked
  }
}

/**
 * Any page can send a browser here. Opening a request tells its service that this person is here, with the device's
 * name perhaps, so it takes a step of the user's own.
 */
function askFirst(begin: () => void): Node[] {
  return [
    h('p', {}, 'A page in this browser wants you to approve something. Open it only if you have just begun that yourself.'),
    actionButton('Open the request', begin, { class: 'button strong wide', 'data-testid': 'open-request' }),
    linkButton('#/', 'Leave it', { class: 'button wide', 'data-testid': 'leave-request' }),
  ];
}

async function open(app: App, sessionId: string, scan: string): Promise<OpenSession> {
  const opened = await app.asMe((me) => app.client.claim(me, sessionId, scan));
  const checked = await checkDisplay(opened, app.issuer);
  const claimed: Claimed = { sessionId, scan, serviceId: checked.display.service.id, displayHash: checked.displayHash };
  const compare = checked.display.mode === 'compare' && scan === '' ? await codeToCompare(app, sessionId) : '';
  return { ...checked, claimed, compare, expiresAt: opened.expiresAt };
}

/** The code of a session in mode compare comes with the list, and not with the claim. */
async function codeToCompare(app: App, sessionId: string): Promise<string> {
  const of = (list: App['state']['waiting']): string | undefined => list.find((s) => s.sessionId === sessionId)?.autoPassword;
  const code = of(app.state.waiting) ?? of(await app.asMe((me) => app.client.pending(me)));
  if (code === undefined) throw new Problem({ code: 'session_not_found', status: 404 });
  return code;
}

function nextSteps(app: App, error: unknown, sessionId: string, scan: string): Node[] {
  if (!(error instanceof Problem)) return [];
  if (error.code === 'invalid_scan') return [linkButton('#/scan', 'Scan the code', { class: 'button strong wide', 'data-testid': 'scan' })];
  if (!reopen.has(error.code)) return [];
  const again = (): void => {
    app.state.scans.set(sessionId, scan);
    app.go(`#/s/${sessionId}`);
  };
  return [actionButton('Open it again', again, { class: 'button strong wide', 'data-testid': 'reopen' })];
}

interface Outcome {
  decided(decided: Decided): void;
  failed(error: unknown): void;
}

/** Everything between the claim and the decision. */
function decisionView(app: App, session: OpenSession, outcome: Outcome): { readonly parts: readonly HTMLElement[]; stop(): void } {
  const decide = createDecide(app.client, app.me, session.claimed, (ms) => new Promise((r) => setTimeout(r, ms)));
  const panel = createPanel(session.display);
  const code = codePart(session);
  const error = h('p', { id: 'error', class: 'error', role: 'alert', 'data-testid': 'error' });
  const gate = h('p', { id: 'gate', class: 'help', 'data-testid': 'gate' }, 'Read to the end of what is asked, then you can approve.');
  const timer = createTimer(app, session.expiresAt, () => outcome.failed(new Problem({ code: 'session_expired', status: 410 })));
  let busy = false;

  const send = async (decision: Decision): Promise<void> => {
    if (busy) return;
    error.textContent = '';
    const entered = decision === 'approve' ? code.read() : '';
    if (entered === null) {
      error.textContent = 'Type the six digits that the other screen shows.';
      return code.focus(true);
    }
    busy = true;
    await attempt(decide, decision, entered, panel.granted(), outcome, (failure) => {
      error.textContent = explain(failure, 'decide');
      if (failure instanceof Problem && failure.code === 'invalid_otp') code.focus(true);
    });
    busy = false;
  };
  const approve = actionButton('Approve', () => send('approve'), { class: 'button yes', 'data-testid': 'approve', 'aria-describedby': 'gate', disabled: true });
  const decline = actionButton('Decline', () => send('deny'), { class: 'button no', 'data-testid': 'decline' });
  const report = actionButton('This wasn’t me', () => send('report'), { class: 'button wide', 'data-testid': 'report' });
  // A moment more than it takes to see: a second tap that was meant for the screen before must not approve.
  void panel.seen.then(() => setTimeout(() => {
    approve.disabled = false;
    gate.hidden = true;
  }, 500));
  panel.element.tabIndex = -1;
  const warning = h('p', { class: 'help', 'data-testid': 'begun' }, 'Decline if you did not begin this yourself just now.');
  return {
    parts: [panel.element, timer.element, ...code.parts, error, gate, warning, h('div', { class: 'pair' }, decline, approve), report],
    stop: () => {
      panel.stop();
      timer.stop();
    },
  };
}

async function attempt(decide: Decide, decision: Decision, code: string, scopes: readonly string[], outcome: Outcome, again: (error: unknown) => void): Promise<void> {
  try {
    outcome.decided(await decide({ decision, code, scopes }));
  } catch (failure) {
    if (failure instanceof Problem && (final.has(failure.code) || reopen.has(failure.code))) outcome.failed(failure);
    else again(failure);
  }
}

/** Where the code is typed or compared, or why it need not be. `read` gives null for what is no code. */
function codePart(session: OpenSession): { readonly parts: readonly HTMLElement[]; read(): string | null; focus(clear: boolean): void } {
  if (session.claimed.scan !== '') {
    const how = session.claimed.scan.startsWith('h:') ? 'You came from the page in this browser, so there is no code to type.' : 'You scanned the code, so there is none to type.';
    return { parts: [h('p', { class: 'help', 'data-testid': 'scanned' }, how)], read: () => '', focus: () => undefined };
  }
  if (session.compare !== '') {
    const digits = h('output', { class: 'compare', 'data-testid': 'compare', 'aria-label': [...session.compare].join(' ') }, `${session.compare.slice(0, 3)}\u2009${session.compare.slice(3)}`);
    return { parts: [h('p', { class: 'question' }, 'Is this the code on the other screen?'), digits], read: () => session.compare, focus: () => undefined };
  }
  const input = h('input', { id: 'code', class: 'code', 'data-testid': 'code', type: 'text', inputmode: 'numeric', autocomplete: 'off', maxlength: 9, 'aria-describedby': 'error' });
  return {
    parts: [h('div', {}, h('label', { for: 'code' }, 'Code shown on the other screen'), input)],
    read: () => typedCode(input.value),
    focus: (clear) => {
      if (clear) input.value = '';
      input.focus();
    },
  };
}

/** Counts down in sight, and says so twice to those who do not see it. */
function createTimer(app: App, expiresAt: string, over: () => void): { readonly element: HTMLElement; stop(): void } {
  const element = h('p', { class: 'timer', 'data-testid': 'left' });
  const said = new Set<number>();
  const tick = (): void => {
    const left = app.client.left(expiresAt);
    element.textContent = `Time left: ${clockText(left)}`;
    for (const at of [30, 10]) {
      if (left > at * 1000 || left < (at - 5) * 1000 || said.has(at)) continue;
      said.add(at);
      app.say(`${at} seconds left`);
    }
    // The server's word counts; the pause lets a decision that is under way be answered.
    if (left < -3000) {
      stop();
      over();
    }
  };
  const interval = setInterval(tick, 500);
  const stop = (): void => clearInterval(interval);
  tick();
  return { element, stop };
}

type Ended = (result: string, heading: string, text: string, more?: readonly Node[]) => void;

function afterDecision(app: App, session: OpenSession, decided: Decided, ended: Ended): void {
  const service = visible(session.display.service.name);
  if (decided.status === 'denied') return ended('denied', 'Declined', 'Nobody was let in, and nothing was paid or signed.');
  if (decided.status === 'reported') {
    return ended('reported', 'Reported', `${service} cannot ask you again for 15 minutes. If someone has your code or knows when you log in, tell the service.`);
  }
  const { returnUrl } = decided;
  if (returnUrl === undefined) return ended('approved', 'Approved', 'Go back to the screen where you began.');
  if (!goodReturn(returnUrl, app.issuer, session.claimed.sessionId)) {
    return ended('approved', 'Approved', 'Go back to the page where you began by yourself: the login server named a wrong address for it.');
  }
  ended('approved', 'Approved', 'Taking you back to the page where you began.', [linkButton(returnUrl, 'Go back now', { class: 'button strong wide', 'data-testid': 'return' })]);
  location.assign(returnUrl);
}

function resultView(app: App, result: string, text: string, more: readonly Node[]): HTMLElement {
  return h('section', { class: `result ${result}`, 'data-testid': 'result', 'data-result': result },
    h('p', {}, text), ...more,
    actionButton('Done', () => app.go('#/'), { class: 'button wide', 'data-testid': 'done' }));
}
