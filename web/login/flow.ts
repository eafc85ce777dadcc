// The course of an operation on the login page, without the page: what to ask the server next, and what to show. The
// server decides the steps, and what each is called; what one takes decides how it is shown. Every way that ends is asked
// for with `status`, so a reload, a lost answer or a second tab come back to where the operation stands.
//
//     init ─→ who ─→ review ─→ login ─→ approved ─→ the next step, or the location that goes on
//              └──── scan ───────┘  └─ ended: try again, the next step, or the location that tells the service so
import { LoginError } from '../sdk/src/errors.js';
import { backoff, pause } from '../sdk/src/http.js';
import type { LoginErrorLike, LoginState, Started } from '../sdk/src/types.js';
import type { Answer, Authn, Method, Present } from './authn.js';
import { takers, takes as canTake } from './takers.js';
import type { Scene, View } from '../sdk/src/element/view.js';
import type { RememberedID } from './remembered.js';

/** Starts the session of the device step; an element's `startSession`. */
export type StartDevice = (challenge: string, signal: AbortSignal) => Promise<Started>;

/** What the page can show. Each takes the place of what was there. */
export interface Screen {
  busy(): void;
  /** Asks who logs in, or who approves. */
  identify(question: WhoQuestion): void;
  /** Shows what is to be approved, and asks how. */
  review(question: ReviewQuestion): void;
  /** Shows the login. */
  device(login: DeviceLogin): void;
  /** Shows what a method of the page's own is taken with. */
  show(make: (scene: Scene) => View): void;
  /** The operation is not this browser's, or no more. */
  notYours(): void;
  /** How the last session ended, when it cannot be tried again: on to a location, back to the service, or to what is due. */
  ended(state: LoginState, onward: string | (() => void)): void;
  trouble(error: LoginErrorLike, again: () => void): void;
  /** Leaves the page for good. */
  leave(location: string): void;
}

/** The question who logs in. */
export interface WhoQuestion {
  /** The answer to begin with. */
  readonly user: string;
  /** Whether scanning without an id is offered. */
  readonly scan: boolean;
  /** Whether a passkey is. */
  readonly passkey: boolean;
  /** The last answer was refused, and why if the server told it. */
  readonly failed?: { readonly why: string };
}

/** What is to be approved, and the choices how. */
export interface ReviewQuestion {
  readonly form: unknown;
  /** The most fitting first. */
  readonly choices: readonly Method[];
  /** Whether the user may say that they are somebody else. */
  readonly notYou: boolean;
  /** Why the last choice was refused, in the server's words. */
  readonly failed?: string;
}

/** The login of a step that a phone takes. */
export interface DeviceLogin {
  readonly start: StartDevice;
  /** How the way back to the question who it is is called, if there is one. */
  readonly back: DeviceBack | undefined;
  /** What is approved, for people; {} for a login. */
  readonly form: unknown;
  /** What else takes the step. */
  readonly others: readonly Method[];
}

/** How the way from the login back to the question who logs in is called. */
export type DeviceBack = 'notYou' | 'useID';

/** The course, as the page drives it. */
export interface Flow {
  begin(): Promise<void>;
  identify(user: string): Promise<void>;
  scan(): void;
  /** Takes the step by another of its methods. */
  take(method: string): void;
  /** Takes one of the choices of a review. */
  choose(method: string): Promise<void>;
  /** From the review or the login back to the question who logs in. */
  back(): void;
  forget(): void;
  cancel(): Promise<void>;
  approved(): Promise<void>;
  ended(state: LoginState): Promise<void>;
}

/** What a flow works with. */
export interface FlowOptions {
  readonly authn: Authn;
  readonly screen: Screen;
  /** The server's base URL, without a slash at the end: the page goes nowhere else. */
  readonly issuer: string;
  readonly remembered: RememberedID;
}

/** How often the end is asked for that an approval must have brought. */
const patience = 8;

/** Makes the course of one operation. */
export function makeFlow({ authn, screen, issuer, remembered }: FlowOptions): Flow {
  /** The step that is shown; undefined: one that the server has not told of. */
  let now: Present | undefined;
  let endsAt = Infinity;
  /** Who was told in this page; kept in the browser once the phone has approved. */
  let user = '';
  let mayScan = true;
  let mayProve = false;
  /** What the user has switched off, whichever way they then take. */
  const off = new Set<string>();
  let over: Extract<Answer, { kind: 'over' }> | undefined;

  const attempt = async (act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (e) {
      screen.trouble(troubleOf(e), () => void attempt(act));
    }
  };
  const leave = (location: string): void => {
    if (leadsOn(issuer, location)) screen.leave(location);
    else screen.trouble(new LoginError('refused', 'the server named a location that is not its own'), () => void flow.begin());
  };
  /** Shows where the operation stands; true if the answer says it. */
  const follow = (answer: Answer): boolean => {
    if (answer.kind === 'over') leave(answer.location);
    else if (answer.kind === 'unknown') screen.notYours();
    else if (answer.kind === 'present') present(answer);
    else return false;
    return true;
  };
  const ask = (): void => screen.identify({ user: user || remembered.read(), scan: mayScan, passkey: mayProve });
  const present = (step: Present): void => {
    now = step;
    endsAt = step.endsAt;
    const takes = (id: string): boolean => step.methods.some((m) => m.id === id);
    if (step.review) return review(step);
    if (step.methods[0]?.id === 'identify') {
      mayScan = takes('device');
      mayProve = takes('passkey') && canTake('passkey');
      return ask();
    }
    take(step, (step.methods.find((m) => canTake(m.id)) ?? step.methods.find((m) => m.id in takers))?.id ?? '');
  };
  const take = (step: Present, method: string, pressed = false): void => {
    const others = step.methods.filter((m) => m.id !== method && m.id !== 'identify' && canTake(m.id));
    const backText = step.methods[0]?.id === 'identify' ? 'useID' : 'notYou';
    const back = step.methods.some((m) => m.id === 'identify') ? 'notYou' : undefined;
    if (method === 'device') return screen.device({ start: start({}), back, form: step.form, others });
    const taker = takers[method];
    if (taker === undefined) return screen.trouble(new LoginError('unsupported', `this page knows nothing that takes the step ${step.step}`), () => void flow.begin());
    void attempt(() => taker({ authn, scopes: { asked: step.scopes, off }, others, back: back && ask, backText, pressed, show: screen.show, busy: screen.busy, follow, attempt, again: init, take: flow.take, cancel: () => void flow.cancel() }, step));
  };
  const review = ({ form, methods }: Present, failed?: string): void => {
    mayScan = mayProve = false; // nobody approves what they have not seen
    // Another name is no choice how to approve; it only can be told here too.
    const choices = methods.filter((m) => m.id !== 'identify');
    screen.review({ form, choices, notYou: choices.length < methods.length, ...(failed === undefined ? {} : { failed }) });
  };
  const start = (how: { scan?: true }): StartDevice => async (challenge, signal) => {
    let answer = await authn.ask('start', { method: 'device', challenge, ...how }, signal);
    // A page that was loaded again cannot know that nobody was named before: whoever scans is who logs in.
    if (answer.kind === 'unknown' && answer.reason === 'wrong_step' && !how.scan) answer = await authn.ask('start', { method: 'device', challenge, scan: true }, signal);
    if (answer.kind === 'started') return answer.started;
    if (answer.kind === 'over') over = answer;
    if (answer.kind === 'failure') throw new LoginError('refused', 'no session', { problem: answer.message || undefined });
    throw new LoginError('lost', 'the operation takes no session now');
  };
  const init = (): Promise<void> => attempt(async () => {
    screen.busy();
    if (!follow(await authn.ask('init'))) throw new LoginError('refused', 'init was not answered');
  });
  const flow: Flow = {
    begin: init,
    identify: (name) => attempt(async () => {
      screen.busy();
      const answer = await authn.ask('start', { method: 'identify', user: name });
      if (answer.kind === 'failure') return screen.identify({ user: name, scan: mayScan, passkey: mayProve, failed: { why: answer.message } });
      user = name;
      // Another tab may have gone on with the operation: it stands where it stands.
      if (answer.kind === 'unknown' || !follow(answer)) await init();
    }),
    scan: () => {
      user = '';
      const form = now?.form;
      now = undefined; // to scan is to leave the step
      screen.device({ start: start({ scan: true }), back: 'useID', form, others: [] });
    },
    take: (method) => {
      if (now) take(now, method, true);
    },
    choose: (method) => attempt(async () => {
      const asked = now;
      screen.busy();
      const answer = await authn.ask('choose', { method });
      if (answer.kind === 'failure' && asked) return review(asked, answer.message);
      if (answer.kind === 'unknown' || !follow(answer)) await init();
    }),
    back: ask,
    forget: () => { user = ''; remembered.forget(); },
    cancel: () => attempt(async () => {
      screen.busy();
      if (!follow(await authn.ask('cancel'))) screen.notYours();
    }),
    approved: () => attempt(async () => {
      for (let n = 0; n < patience; n++) {
        const answer = await authn.ask('status');
        if (answer.kind === 'over' && answer.by === 'complete' && user !== '') remembered.keep(user);
        if (answer.kind === 'standing' && answer.step !== now?.step) return init();
        if (follow(answer)) return;
        await pause(250 + backoff(n));
      }
      throw new LoginError('lost', 'the server does not go on');
    }),
    ended: async (state) => {
      if (state.name === 'cancelled' && state.by === 'page') return flow.cancel();
      // Where nobody answers, the words about the session stay, and its own way to try again.
      const answer = over ?? (await authn.ask('status').catch(() => undefined));
      if (answer?.kind === 'unknown') screen.notYours();
      if (answer?.kind === 'standing' && now && answer.step !== now.step) return screen.ended(state, () => void init());
      if (answer?.kind !== 'over') return;
      if (!leadsOn(issuer, answer.location)) return leave(answer.location);
      // It was approved although its end looked otherwise from here, such as to a tab that was asleep.
      if (answer.by === 'complete') return screen.leave(answer.location);
      screen.ended(inTruth(state, Date.now() >= endsAt), answer.location);
    },
  };
  return flow;
}

/** Whether a location is the server's own: nothing that an answer says may lead anywhere else. */
export function leadsOn(issuer: string, location: string): boolean {
  return location.startsWith(`${issuer}/`) && URL.canParse(location) && new URL(location).origin === new URL(issuer).origin;
}

/** What to call the end of an operation whose last session could not even be started. */
function inTruth(state: LoginState, late: boolean): LoginState {
  if (state.name !== 'failed') return state;
  if (late) return { name: 'expired' };
  // The server refuses another session and ends the operation when there were too many.
  return state.error.code === 'refused' ? { name: 'failed', error: new LoginError('limited', state.error.message) } : state;
}

function troubleOf(e: unknown): LoginErrorLike {
  return e instanceof LoginError ? e : new LoginError('unsupported', String(e));
}
