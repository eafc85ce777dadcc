import { challengeOf, random } from './bytes.js';
import { LoginError } from './errors.js';
import { remembered } from './handover.js';
import { monotonic } from './page.js';
import { type Settings, settingsOf } from './settings.js';
import { start } from './start.js';
import type { Login, LoginOptions, LoginResult, LoginState, StateChange } from './types.js';
import { endOf, type Session, watch, type Watch } from './watch.js';

/**
 * Starts a login and follows it to its end. It returns at once, in the state `starting`; nothing is told before the
 * caller has had its turn to listen.
 */
export function startLogin(options: LoginOptions): Login {
  return new PageLogin(options);
}

/** The end of a state that is one, as an error; undefined of a login that goes on or was approved. */
function errorOf(state: LoginState): LoginError | undefined {
  switch (state.name) {
    case 'rejected': return new LoginError('rejected', state.reason);
    case 'expired': return new LoginError('expired', 'the time is up');
    case 'cancelled': return new LoginError('cancelled', `cancelled by ${state.by}`);
    case 'failed': return state.error instanceof LoginError ? state.error : new LoginError(state.error.code, state.error.message);
    default: return undefined;
  }
}

function isOver(state: LoginState): boolean {
  return state.name === 'approved' || errorOf(state) !== undefined;
}

interface Deferred {
  readonly promise: Promise<LoginResult>;
  readonly resolve: (value: LoginResult | Promise<LoginResult>) => void;
  readonly reject: (reason: LoginError) => void;
}

function defer(): Deferred {
  let resolve!: Deferred['resolve'];
  let reject!: Deferred['reject'];
  const promise = new Promise<LoginResult>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // A page that only listens to states must not be told of an unhandled rejection.
  promise.catch(() => {});
  return { promise, resolve, reject };
}

/** One session, from before its start. A restart makes another. */
interface Try {
  readonly aborting: AbortController;
  watch?: Watch;
}

class PageLogin extends EventTarget implements Login {
  readonly #settings: Settings;
  #state: LoginState = { name: 'starting' };
  #deferred = defer();
  #try: Try;

  constructor(options: LoginOptions) {
    super();
    this.#settings = settingsOf(options);
    this.#try = this.#begin(true);
    const { signal } = options;
    if (signal?.aborted) queueMicrotask(() => this.cancel());
    else signal?.addEventListener('abort', () => this.cancel(), { once: true });
  }

  get state(): LoginState {
    return this.#state;
  }

  get result(): Promise<LoginResult> {
    return this.#deferred.promise;
  }

  async qrText(): Promise<string> {
    return (await this.#try.watch?.qrText()) ?? '';
  }

  async handoverLink(): Promise<string> {
    return (await this.#try.watch?.handoverLink()) ?? '';
  }

  handedOver(): void {
    this.#try.watch?.handedOver();
  }

  takeBack(): void {
    this.#try.watch?.takeBack();
  }

  cancel(): void {
    if (isOver(this.#state)) return;
    this.#drop();
    this.#set({ name: 'cancelled', by: 'page' });
  }

  restart(): void {
    this.#drop();
    const before = this.#deferred;
    this.#deferred = defer();
    before.resolve(this.#deferred.promise); // nothing happens if it has settled
    this.#set({ name: 'starting' });
    this.#try = this.#begin(false);
  }

  #drop(): void {
    this.#try.aborting.abort();
    this.#try.watch?.giveUp();
  }

  #begin(mayResume: boolean): Try {
    const one: Try = { aborting: new AbortController() };
    this.#run(one, mayResume).catch((e: unknown) => {
      if (one.aborting.signal.aborted) return;
      const error = e instanceof LoginError ? e : new LoginError('unsupported', String(e));
      this.#set({ name: 'failed', error });
    });
    return one;
  }

  async #run(one: Try, mayResume: boolean): Promise<void> {
    const { signal } = one.aborting;
    await undefined; // the caller gets its login before anything happens
    if (!globalThis.crypto?.subtle) throw new LoginError('unsupported', 'no crypto.subtle: the page needs https or localhost');
    const session = (mayResume ? this.#resume() : undefined) ?? (await this.#open(signal));
    one.watch = watch(this.#settings, session, (state) => this.#set(state));
    // Cancelled while the answer was under way: the session exists, and is ended like any other.
    if (signal.aborted) one.watch.giveUp();
    else one.watch.begin();
  }

  #resume(): Session | undefined {
    const kept = this.#settings.sameDevice ? remembered(this.#settings) : undefined;
    if (!kept) return undefined;
    this.#settings.log('going on with the session that was handed over');
    const { started, verifier, endsAt, beganAt } = kept;
    return { started, verifier, endsAt, began: monotonic() - (Date.now() - beganAt), sure: true, resumed: true };
  }

  async #open(signal: AbortSignal): Promise<Session> {
    this.#settings.log('starting');
    const verifier = random(32);
    const { started, serverNow } = await start(this.#settings, await challengeOf(verifier), signal);
    this.#settings.log(`started, mode ${started.mode}`);
    const endsAt = endOf(started.expiresAt, serverNow);
    return { started, verifier, endsAt, began: monotonic(), sure: serverNow !== undefined, resumed: false };
  }

  #set(state: LoginState): void {
    const previous = this.#state;
    this.#state = state;
    if (state.name !== previous.name) this.#settings.log(`state ${state.name}`);
    if (state.name === 'approved') this.#deferred.resolve(state.result);
    const error = errorOf(state);
    if (error) this.#deferred.reject(error);
    const detail: StateChange = { state, previous };
    this.dispatchEvent(new CustomEvent('state', { detail }));
  }
}
