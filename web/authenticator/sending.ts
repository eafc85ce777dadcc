/**
 * Signs requests and sends them, and keeps this phone's idea of the server's clock.
 */
import { newNonce, sign, signedText } from './protocol.js';
import type { Purpose } from './protocol.js';
import { NoAnswer, Problem, toProblem } from './problem.js';

/** A request signed and ready to be sent, as often as needed. */
export interface Sealed {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** What was signed. */
  readonly text: string;
}

/** The last thing that was signed, to be looked at. */
export interface Trace {
  readonly path: string;
  readonly text: string;
  readonly signature: string;
}

/** What sending needs of its surroundings. */
export interface SendingOptions {
  /** What the paths are put behind: the issuer. */
  readonly base: string;
  readonly fetch: typeof globalThis.fetch;
  /** This machine's clock, in milliseconds. */
  readonly now: () => number;
  readonly trace?: (trace: Trace) => void;
}

/** What to sign: `lines` are those between the issuer and the timestamp. */
export interface Letter {
  readonly path: string;
  readonly purpose: Purpose;
  readonly issuer: string;
  readonly key: CryptoKey;
  readonly lines: readonly string[];
  readonly members: Readonly<Record<string, unknown>>;
}

/** Signing and sending, as {@link createSending} makes it. */
export interface Sending {
  seal(letter: Letter): Promise<Sealed>;
  /** Sends a sealed request once. Rejects with {@link Problem} or {@link NoAnswer}. */
  deliver<T>(sealed: Sealed): Promise<T>;
  /** Sends what `make` seals, and once more with the clock put right if the server calls it wrong. */
  ask<T>(make: () => Promise<Sealed>): Promise<T>;
  /** Puts the clock right if that is what the server wants; says whether it did. */
  correctClock(error: unknown): boolean;
  /** Milliseconds until a time of the server's, whatever this machine's clock says. */
  left(time: string): number;
}

// Longer than any answer takes; a phone that has lost its network often learns of it only by such a limit.
const patience = 15_000;

/** Makes the one sender of the app; the clock it learns is that of one server. */
export function createSending(options: SendingOptions): Sending {
  const { base, now } = options;
  let offset = 0; // seconds to add to this clock, once the server has called it wrong
  let ahead = 0; // milliseconds the server's clock was ahead in its last answer; only for showing what time is left

  const seal = async (letter: Letter): Promise<Sealed> => {
    const timestamp = Math.floor(now() / 1000) + offset;
    const nonce = newNonce();
    const text = signedText(letter.purpose, letter.issuer, ...letter.lines, String(timestamp), nonce);
    const signature = await sign(letter.key, text);
    options.trace?.({ path: letter.path, text, signature });
    return { path: letter.path, text, body: { ...letter.members, timestamp, nonce, signature } };
  };

  const deliver = async <T>(sealed: Sealed): Promise<T> => {
    const { response, text } = await post(options.fetch, base + sealed.path, sealed.body);
    const date = Date.parse(response.headers.get('Date') ?? '');
    if (!Number.isNaN(date)) ahead = date - now();
    if (!response.ok) throw toProblem(response, text);
    return parse(text) as T;
  };

  const correctClock = (error: unknown): boolean => {
    if (!(error instanceof Problem) || error.code !== 'stale_timestamp') return false;
    const server = Date.parse(error.members.serverTime ?? '');
    if (Number.isNaN(server)) return false;
    offset = Math.round(server / 1000) - Math.floor(now() / 1000);
    return true;
  };

  const ask = async <T>(make: () => Promise<Sealed>): Promise<T> => {
    try {
      return await deliver<T>(await make());
    } catch (error) {
      if (!correctClock(error)) throw error;
      return deliver<T>(await make());
    }
  };

  return { seal, deliver, ask, correctClock, left: (time) => Date.parse(time) - (now() + ahead) };
}

async function post(send: typeof globalThis.fetch, url: string, body: unknown): Promise<{ response: Response; text: string }> {
  try {
    const response = await send(url, {
      method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' },
      cache: 'no-store', credentials: 'omit', redirect: 'error', signal: AbortSignal.timeout(patience),
    });
    return { response, text: await response.text() };
  } catch (cause) {
    throw new NoAnswer(cause);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new NoAnswer(cause); // something on the way answered in the server's place
  }
}
