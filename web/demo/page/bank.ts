// What the bank's pages do in a browser: put the login element where a page wants an approval, start its session at the
// bank's back end, and bring the back end what came of it. The back end decides; nothing here is believed.
import { CountersignLogin } from '../../sdk/src/element.js';
import { LoginError } from '../../sdk/src/index.js';
import type { LoginErrorCode, LoginResult, LoginState, Started } from '../../sdk/src/index.js';

/** How often the back end is asked again whether the approval holds, when it could not find out. */
const tries = 3;

interface Refusal {
  readonly status: number;
  readonly words: string;
  readonly retryAfter: number | undefined;
}

type Answer<T> = { readonly ok: true; readonly body: T } | ({ readonly ok: false } & Refusal);

/** Sends JSON to the bank. A failed fetch throws, as the SDK expects of `start`. */
async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<Answer<T>> {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal: signal ?? null,
  });
  const said = (await response.json().catch(() => ({}))) as T & { error?: unknown };
  if (response.ok) return { ok: true, body: said };
  const words = typeof said.error === 'string' ? said.error : 'The bank cannot be reached just now.';
  const seconds = Number(response.headers.get('Retry-After') ?? Number.NaN);
  return { ok: false, status: response.status, words, retryAfter: Number.isFinite(seconds) ? seconds : undefined };
}

function codeOf(status: number): LoginErrorCode {
  return status === 429 ? 'limited' : status >= 500 ? 'network' : 'refused';
}

function tell(words: string): void {
  const line = document.getElementById('trouble');
  if (line) line.textContent = words;
}

/** Tells the bank, which alone knows what this browser started; then goes where the bank says. */
async function finish(place: HTMLElement, { sessionId, jwt, hash, expiresAt }: LoginResult): Promise<void> {
  for (let n = 1; ; n++) {
    const answer = await post<{ location?: unknown }>('/finish', { sessionId, jwt, hash, expiresAt })
      .catch((): Answer<never> => ({ ok: false, status: 503, words: 'The bank cannot be reached just now.', retryAfter: undefined }));
    if (answer.ok && typeof answer.body.location === 'string') {
      location.replace(answer.body.location);
      return;
    }
    if (answer.ok || answer.status !== 503 || n === tries) {
      // The element still says "approved", which is true of the phone and not of the bank.
      place.replaceChildren();
      place.hidden = true;
      document.getElementById('again')?.removeAttribute('hidden');
      tell(answer.ok ? 'The bank gave an answer that cannot be read.' : answer.words);
      return;
    }
    await new Promise((resolve) => { setTimeout(resolve, n * 1000); });
  }
}

/** Puts the element into its place. The place says where its session is started and what for. */
function approve(place: HTMLElement): void {
  const { issuer = '', start = '', token = '', about = '' } = place.dataset;
  const element = new CountersignLogin();
  element.setAttribute('issuer', issuer);
  element.setAttribute('service-name', 'Acme Bank');
  element.setAttribute('logo', '/icon.svg');
  element.setAttribute('same-device', '');
  // Not sent, for the back end starts the session: it tells a session of this page, kept over a reload, from another's.
  element.setAttribute('client-nonce', about);
  element.startSession = async (challenge, signal): Promise<Started> => {
    tell('');
    const answer = await post<Started>(start, token === '' ? { challenge } : { challenge, tokenId: token }, signal);
    if (answer.ok) return answer.body;
    throw new LoginError(codeOf(answer.status), answer.words, { retryAfter: answer.retryAfter });
  };
  element.addEventListener('countersign-ended', (event) => {
    const state: LoginState = event.detail;
    if (state.name === 'failed') tell(state.error.message);
  });
  element.addEventListener('countersign-approved', (event) => void finish(place, event.detail));
  place.replaceChildren(element);
}

const place = document.getElementById('approval');
if (place) approve(place);
