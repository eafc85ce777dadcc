// A Countersign server as far as a page sees it, without a network: a fetch, a WebSocket class, and what came in.
// Time stands still but for `tick`.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { TestContext } from 'node:test';
import { startLogin } from '../src/index.js';
import type { Login, LoginOptions, LoginState, Started, StateChange } from '../src/index.js';

export const issuer = 'https://login.example.com';
export const began = Date.parse('2026-01-01T00:00:00Z');
export const sessionId = 'sess_AAECAwQFBgcICQoLDA0ODw';
export const token = 'wsTokenwsTokenwsTokenwsTokenwsTokenwsToken0';
export const qrKey = '__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA';

/** What the server answers to a start; each has another id. */
export function started(n = 0, more: Partial<Started> = {}): Started {
  const id = n === 0 ? sessionId : sessionId.slice(0, -1) + String(n);
  return {
    sessionId: id,
    autoPassword: '482913',
    wsToken: token,
    random: '0123456789abcdef0123456789abcdef',
    expiresAt: '2026-01-01T00:02:00Z',
    wsUrl: `wss://login.example.com/ws/session/${id}?token=${token}`,
    qrKey,
    qrUrl: `${issuer}/s/${id}`,
    mode: 'enter',
    ...more,
  };
}

export const ready = { type: 'otp_ready', id: 1, autoPassword: '482913', expiresAt: '2026-01-01T00:02:00Z', mode: 'enter', elapsed: 0 };
export const claimed = { type: 'claimed', id: 2, platform: 'Android', deviceName: 'Pixel' };
export const approved = { type: 'approved', id: 3, jwt: 'jwt.of.alice', hash: 'the-hash', random: 'the-random', expiresAt: '2026-01-01T01:00:00Z' };
export const wrongCode = { type: 'rejected', id: 3, reason: 'Invalid OTP', final: false, attemptsRemaining: 2 };
export const outcome = { sessionId, jwt: 'jwt.of.alice', hash: 'the-hash', random: 'the-random', expiresAt: '2026-01-01T01:00:00Z' };

/** A request as it came in. */
export interface Came {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly keepalive: boolean;
  readonly signal: AbortSignal | undefined;
}

/** The far end of a page's socket. */
export class Socket {
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  /** The code with which the page closed it. */
  closedByPage: number | undefined;

  constructor(readonly url: string, readonly protocols: string[]) {}

  close(code: number): void {
    this.closedByPage = code;
  }

  say(...messages: object[]): void {
    for (const m of messages) this.onmessage?.({ data: JSON.stringify(m) });
  }

  end(code: number): void {
    this.onclose?.({ code });
  }
}

type Answer = (came: Came) => Response | Promise<Response>;

/** The server of one test. */
export interface Rig {
  readonly came: Came[];
  readonly sockets: Socket[];
  /** The newest socket. */
  socket(): Socket;
  /** Requests whose method and path match. */
  requests(pattern: RegExp): Came[];
  /** Answers requests whose method and path match, from now on. */
  on(pattern: RegExp, answer: Answer): void;
  login(options?: Partial<LoginOptions>): Login;
  /** Starts a login and waits for it to be on a socket that said `otp_ready`. */
  pending(options?: Partial<LoginOptions>): Promise<Login>;
  tick(milliseconds: number): Promise<void>;
}

/** JSON as the server answers it. */
export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } });
}

/** No answer at all. */
export const gone: Answer = () => Promise.reject(new TypeError('fetch failed'));

/** An answer that never comes. */
export const hang: Answer = () => new Promise(() => {});

/** Lets everything that is ready to happen happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 40; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Waits for something that takes the machine a moment, such as WebCrypto. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 50_000; i++) {
    if (condition()) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  assert.fail(`never: ${what}`);
}

/** Puts something in the place of a global for the length of a test. */
export function replace(t: TestContext, name: string, value: unknown): void {
  const before = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  t.after(() => {
    if (before) Object.defineProperty(globalThis, name, before);
    else delete (globalThis as Record<string, unknown>)[name];
  });
}

/** Makes a server, and time stand still. */
export function rig(t: TestContext): Rig {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: began });
  t.mock.method(performance, 'now', () => Date.now() - began);
  replace(t, 'WebSocket', undefined); // later versions of Node have one
  t.mock.method(Math, 'random', () => 1); // the longest waits, so that they can be counted on
  const came: Came[] = [];
  const sockets: Socket[] = [];
  const logins: Login[] = [];
  // Nothing may keep the test running.
  t.after(() => logins.forEach((login) => login.cancel()));
  const answers: [RegExp, Answer][] = [
    [/^POST \/auth\/initiate$/, () => json(started(came.filter((c) => c.url.pathname === '/auth/initiate').length - 1))],
    [/^POST .*\/cancel$/, () => json({ status: 'cancelled' })],
    [/^GET .*\/events$/, gone],
    [/^GET \/auth\/session\/\w+$/, (c) => (c.url.searchParams.get('wait') === '0' ? json({ status: 'pending', messages: [] }) : hang(c))],
  ];
  const fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const one: Came = {
      method: init.method ?? 'GET',
      url: new URL(String(input)),
      headers: new Headers(init.headers),
      body: init.body ? (JSON.parse(String(init.body)) as Record<string, unknown>) : {},
      keepalive: init.keepalive ?? false,
      signal: init.signal ?? undefined,
    };
    came.push(one);
    const line = `${one.method} ${one.url.pathname}`;
    const answer = answers.find(([pattern]) => pattern.test(line))?.[1] ?? gone;
    const aborted = new Promise<never>((_, reject) => {
      if (one.signal?.aborted) reject(new DOMException('aborted', 'AbortError'));
      one.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
    });
    return Promise.race([answer(one), aborted]);
  };
  const connect = class extends Socket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  };
  const login = (options: Partial<LoginOptions> = {}): Login => {
    const made = startLogin({
      issuer, serviceId: 'acme-bank', fetch: fetch as typeof globalThis.fetch, WebSocket: connect as unknown as typeof WebSocket, ...options,
    });
    logins.push(made);
    return made;
  };
  const the: Rig = {
    came,
    sockets,
    socket: () => sockets[sockets.length - 1] ?? assert.fail('no socket'),
    requests: (pattern) => came.filter((c) => pattern.test(`${c.method} ${c.url.pathname}`)),
    on: (pattern, answer) => void answers.unshift([pattern, answer]),
    login,
    pending: async (options) => {
      const made = login(options);
      await until('a socket', () => sockets.length > 0);
      the.socket().say(ready);
      assert.equal(made.state.name, 'pending');
      return made;
    },
    tick: async (milliseconds) => {
      t.mock.timers.tick(milliseconds);
      await settle();
    },
  };
  return the;
}

/** The names of the states a login gets into, one after the other. */
export function names(login: Login): string[] {
  const seen = [login.state.name as string];
  login.addEventListener('state', (event) => {
    const { state, previous } = (event as CustomEvent<StateChange>).detail;
    assert.equal(login.state, state, 'the state told is the state had');
    if (state.name !== previous.name) seen.push(state.name);
  });
  return seen;
}

/** Narrows a state, or fails. */
export function as<N extends LoginState['name']>(state: LoginState, name: N): Extract<LoginState, { name: N }> {
  assert.equal(state.name as string, name as string);
  return state as Extract<LoginState, { name: N }>;
}

/** The challenge of a verifier, by another implementation than the page's. */
export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}
