import type { Settings } from './settings.js';

/** Gives `work` a signal that fires when `outer` does or when the time is up. */
export async function timed<T>(within: number, outer: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  const timer = setTimeout(stop, within);
  if (outer?.aborted) stop();
  outer?.addEventListener('abort', stop);
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', stop);
  }
}

/** Waits; sooner over when the signal fires. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', over);
      resolve();
    };
    const timer = setTimeout(over, milliseconds);
    signal?.addEventListener('abort', over);
    if (signal?.aborted) over();
  });
}

/** The wait before try number `n` (from 0): anything up to a bound that doubles from 250 ms to 8 s, so that the pages of a node that went away do not come back in step. */
export function backoff(n: number): number {
  return Math.random() * Math.min(8000, 250 * 2 ** n);
}

/** The whole seconds of Retry-After, if it can be read and is a number. */
export function retryAfter(response: Response): number | undefined {
  const seconds = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
  return Number.isNaN(seconds) ? undefined : seconds;
}

/** The server's clock, if the answer tells it and nothing on the way keeps it from the page. */
export function serverTime(response: Response): number | undefined {
  const time = Date.parse(response.headers.get('Date') ?? '');
  return Number.isNaN(time) ? undefined : time;
}

/** What it takes to watch a session. */
export interface Link {
  readonly sessionId: string;
  readonly wsUrl: string;
  readonly wsToken: string;
  readonly verifier: string;
}

/** The address of a session's resource; it holds no secret. */
export function sessionURL(settings: Settings, link: Link, rest = ''): string {
  return `${settings.issuer}/auth/session/${encodeURIComponent(link.sessionId)}${rest}`;
}

/** The headers that show the right to a session. */
export function rights(link: Link): Record<string, string> {
  return { Authorization: `Bearer ${link.wsToken}`, 'Countersign-Verifier': link.verifier };
}
