import { random } from './bytes.js';
import { LoginError } from './errors.js';
import { backoff, pause, retryAfter, serverTime, timed } from './http.js';
import type { Settings } from './settings.js';
import type { Started } from './types.js';

/** How often starting is tried when the answer gets lost. */
const tries = 3;

/** How long one try may take, in milliseconds. */
const within = 10_000;

/** A session just started. */
export interface Start {
  readonly started: Started;
  /** The server's clock when it answered, if it could be read. */
  readonly serverNow?: number | undefined;
}

/** Starts a session, by the page's own means or the caller's. Throws a {@link LoginError}. */
export async function start(settings: Settings, challenge: string, signal: AbortSignal): Promise<Start> {
  if (settings.options.start) return { started: await elsewhere(settings.options.start, challenge, signal) };
  // One key for all tries: when only the answer was lost, the server answers with the same session again.
  const key = random(16);
  for (let n = 0; ; n++) {
    try {
      return await timed(within, signal, (s) => initiate(settings, challenge, key, s));
    } catch (e) {
      const error = e instanceof LoginError ? e : new LoginError('network', 'the server cannot be reached');
      // A server that says when to come back is busy, not unreachable: the user decides.
      if (n + 1 === tries || signal.aborted || error.code !== 'network' || error.retryAfter !== undefined) throw error;
      settings.log(`start: try ${n + 1} failed`);
      await pause(250 + backoff(n), signal);
    }
  }
}

async function initiate(settings: Settings, challenge: string, key: string, signal: AbortSignal): Promise<Start> {
  const { serviceId, tokenId, scopes, mode, clientNonce } = settings.options;
  if (!settings.fetch) throw new LoginError('unsupported', 'no fetch here');
  const response = await settings.fetch(`${settings.issuer}/auth/initiate`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
    body: JSON.stringify({ serviceId, tokenId, scopes, mode, clientNonce, challenge }),
    signal,
  });
  if (!response.ok) throw await refusal(response);
  return { started: checked(await response.json()), serverNow: serverTime(response) };
}

async function refusal(response: Response): Promise<LoginError> {
  // A proxy's error page is no problem document; the status says enough then.
  const body = (await response.json().catch(() => undefined)) as { code?: unknown; detail?: unknown } | null | undefined;
  const problem = typeof body?.code === 'string' ? body.code : undefined;
  const message = typeof body?.detail === 'string' ? body.detail : `the server answered ${response.status}`;
  const code = response.status === 429 ? 'limited' : response.status >= 500 ? 'network' : 'refused';
  return new LoginError(code, message, { problem, retryAfter: retryAfter(response) });
}

async function elsewhere(begin: NonNullable<Settings['options']['start']>, challenge: string, signal: AbortSignal): Promise<Started> {
  try {
    return checked(await begin(challenge, signal));
  } catch (e) {
    if (e instanceof LoginError) throw e;
    // fetch fails with a TypeError when there is no answer; anything else is the back end's own refusal.
    throw new LoginError(e instanceof TypeError ? 'network' : 'refused', e instanceof Error ? e.message : 'start() failed');
  }
}

function checked(value: unknown): Started {
  const started = value as Partial<Record<string, unknown>> | null;
  for (const name of ['sessionId', 'autoPassword', 'wsToken', 'expiresAt', 'wsUrl', 'qrKey', 'qrUrl', 'mode']) {
    if (typeof started?.[name] !== 'string') throw new LoginError('refused', `the answer lacks ${name}`);
  }
  return value as Started;
}
