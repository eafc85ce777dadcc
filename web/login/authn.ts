// The client of the web page interface, PUT /authn/{operationId}: one question, one answer. It knows the wire and
// nothing of the page. What an answer means is told by what it has, not by its order: a page may have been reloaded.
import { LoginError } from '../sdk/src/errors.js';
import { backoff, pause, retryAfter, timed } from '../sdk/src/http.js';
import type { Started } from '../sdk/src/types.js';
import type { Scope } from './scopes.js';

/** What a page may ask. */
export type Question = 'init' | 'start' | 'verify' | 'choose' | 'status' | 'cancel';

/** A way to take a step. */
export interface Method {
  readonly id: string;
  /** What it is called, in the page's language. */
  readonly label: string;
}

/** The step that an operation is at. */
export interface Present {
  readonly kind: 'present';
  /** Its name, which says nothing of what it takes. */
  readonly step: string;
  /** What the step takes, and what can be taken beside it; the most fitting first. */
  readonly methods: readonly Method[];
  /** Whether the step shows what it is about, and the methods are choices for the next one. */
  readonly review: boolean;
  /** What it is about, for people. */
  readonly form: unknown;
  /** What the service is given by an answer in the page, which has to show it first. */
  readonly scopes: readonly Scope[];
  readonly endsAt: number;
}

/**
 * What the server says of the operation:
 *
 * - `present`: the step it is at
 * - `started`: the session that was asked for
 * - `told`: what the start of another method tells
 * - `standing`: it goes on, and nothing has to be done but what is being done
 * - `over`: it has ended, well or not; the browser goes to `location`
 * - `failure`: a wrong input, with words for the user
 * - `unknown`: there is no such operation, or it is not this browser's, or it does not take this question now
 *   (`wrong_step`), or not what is granted (`scope_not_allowed`)
 */
export type Answer =
  | Present
  | { readonly kind: 'started'; readonly started: Started }
  | { readonly kind: 'told'; readonly data: Members }
  | { readonly kind: 'standing'; readonly step: string }
  | { readonly kind: 'over'; readonly by: 'complete' | 'cancel'; readonly location: string }
  | { readonly kind: 'failure'; readonly message: string; readonly remaining: number | undefined }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Asks the server about one operation. */
export interface Authn {
  /** Throws a LoginError when there is no answer: `network`, `limited` or `refused`. */
  ask(question: Question, data?: object, signal?: AbortSignal): Promise<Answer>;
}

/** Where to ask. */
export interface AuthnOptions {
  /** The server's base URL, without a slash at the end. */
  readonly issuer: string;
  readonly operation: string;
  /** The page's, as a BCP 47 tag. */
  readonly language?: string;
  /** Used instead of the browser's; for tests. */
  readonly fetch?: typeof globalThis.fetch;
}

/** How often a question that may be repeated is asked when its answer gets lost. */
const tries = 3;

/** How long one try may take, in milliseconds. */
const within = 10_000;

/** Makes a client. The cookie that binds the operation to this browser goes along by itself. */
export function authnClient(options: AuthnOptions): Authn {
  const ask = async (question: Question, data: object = {}, signal?: AbortSignal): Promise<Answer> => {
    for (let n = 1; ; n++) {
      try {
        return await timed(within, signal, (s) => put(options, question, data, s));
      } catch (e) {
        const error = e instanceof LoginError ? e : new LoginError('network', 'the server cannot be reached');
        // A start may have started a session although its answer is lost, and their number is limited: the user decides.
        // A code counts when it arrives, so it is not sent twice either.
        const mayRepeat = question !== 'start' && question !== 'verify' && error.code === 'network' && error.retryAfter === undefined;
        if (n === tries || signal?.aborted || !mayRepeat) throw error;
        await pause(250 + backoff(n), signal);
      }
    }
  };
  return { ask };
}

async function put(options: AuthnOptions, type: Question, data: object, signal: AbortSignal): Promise<Answer> {
  const fetch = options.fetch ?? globalThis.fetch;
  const response = await fetch(`${options.issuer}/authn/${encodeURIComponent(options.operation)}`, {
    method: 'PUT',
    // What the server says to the user, it says in the language of the page.
    headers: { 'Content-Type': 'application/json', ...(options.language ? { 'Accept-Language': options.language } : {}) },
    credentials: 'same-origin',
    cache: 'no-store',
    redirect: 'error',
    body: JSON.stringify({ type, data }),
    signal,
  });
  // A proxy's error page is no problem document; the status says enough then.
  const body = (await response.json().catch(() => undefined)) as unknown;
  if (response.ok && isObject(body)) return read(body);
  const problem = isObject(body) ? text(body['code']) : '';
  const code = response.status === 429 ? 'limited' : response.ok || response.status >= 500 ? 'network' : 'refused';
  throw new LoginError(code, `the server answered ${response.status}`, { problem: problem || undefined, retryAfter: retryAfter(response) });
}

function read(body: Members): Answer {
  const data = isObject(body['data']) ? body['data'] : {};
  const type = text(body['type']);
  if (body['success'] !== true) return { kind: 'unknown', reason: text(body['reason']) };
  if (type === 'complete' || type === 'cancel') return { kind: 'over', by: type, location: text(data['location']) };
  if (type === 'failure') {
    const remaining = data['remainingAttempts'];
    return { kind: 'failure', message: isObject(data['message']) ? text(data['message']['text']) : '', remaining: typeof remaining === 'number' ? remaining : undefined };
  }
  // The SDK checks its members before it uses them.
  if (typeof data['sessionId'] === 'string') return { kind: 'started', started: data as unknown as Started };
  if (type === 'start') return { kind: 'told', data };
  // A status names the step too, but not what the step takes.
  if (typeof data['step'] === 'string' && Array.isArray(data['methods'])) return present(data, data['step'], data['methods']);
  return { kind: 'standing', step: text(data['step']) };
}

function present(data: Members, step: string, offered: readonly unknown[]): Present {
  const methods = offered.filter(isObject).map((m) => ({ id: text(m['id']), label: text(m['label']) }));
  const endsAt = Date.parse(text(data['expiresAt']));
  return { kind: 'present', step, methods, review: data['review'] === true, form: data['form'], scopes: scopesIn(data['scopes']), endsAt: Number.isNaN(endsAt) ? Infinity : endsAt };
}

function scopesIn(asked: unknown): Scope[] {
  const list = Array.isArray(asked) ? asked.filter(isObject) : [];
  return list.map((s) => ({ id: text(s['id']), label: text(s['label']) || text(s['id']), required: s['required'] === true }));
}

/** Whether the operation is to be asked where it stands: another tab has gone on with it, or the service asks otherwise now. */
export function isBehind(answer: Answer): boolean {
  return answer.kind === 'unknown' && (answer.reason === 'wrong_step' || answer.reason === 'scope_not_allowed');
}

/** The members of an answer, which whoever uses them has to check. */
export type Members = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
