// The way to an app on the same device and back. The page that started the login leaves a mark in this browser; the
// app sends the browser to a page of the same origin with a code; that page hands the code to the first one, which
// alone can use it. In another browser there is no mark, and nothing happens.
import { parse } from './message.js';
import { channel, onWake, onWindow, quietly, storage } from './page.js';
import type { Settings } from './settings.js';
import type { Returned, Started } from './types.js';

const marked = 'countersign.handover.';
const codes = 'countersign.return.';
const kept = 'countersign.login';
const tabs = 'countersign-return';

/** How long a mark counts: longer than any session lives. */
const markLife = 15 * 60_000;

/** How long the coming back waits for the first tab to finish. */
const ackWithin = 2000;

/** What a tab needs to go on with its session after the browser threw the page away. */
export interface Kept {
  readonly started: Started;
  readonly verifier: string;
  readonly endsAt: number;
  /** When the session began, of this machine's clock. */
  readonly beganAt: number;
  /** The page itself, for a browser that comes back in the same tab. */
  readonly page?: string;
}

// Another session must not be taken for the one that the page asks for now: what would be approved, and what the
// back end will compare, must be the same.
function wanted(settings: Settings): string {
  const { serviceId, tokenId, scopes, mode, clientNonce } = settings.options;
  return JSON.stringify([settings.issuer, serviceId, tokenId, scopes, mode, clientNonce]);
}

/** Marks this browser as the one that started the session, and keeps in this tab what it needs to go on. */
export function mark(settings: Settings, keep: Kept): void {
  const local = storage('localStorage');
  quietly(() => {
    sweep(local);
    local?.setItem(marked + keep.started.sessionId, String(Date.now()));
  });
  quietly(() => storage('sessionStorage')?.setItem(kept, JSON.stringify({ ...keep, wanted: wanted(settings), page: pageNow() })));
}

function pageNow(): string | undefined {
  return globalThis.location && location.origin + location.pathname + location.search;
}

/** The page of this tab that waits for the session's coming back, where the app was opened in its place. */
export function pageToResume(sessionId: string): string | undefined {
  const value = keptHere();
  const page = value?.started?.sessionId === sessionId ? value.page : undefined;
  return page && URL.canParse(page) && new URL(page).origin === globalThis.location?.origin ? page : undefined;
}

function sweep(local: Storage | undefined): void {
  if (!local) return;
  for (const key of Array.from({ length: local.length }, (_, i) => local.key(i) ?? '')) {
    if (key.startsWith(marked) && !fresh(local.getItem(key))) {
      local.removeItem(key);
      local.removeItem(codes + key.slice(marked.length));
    }
  }
}

function fresh(since: string | null): boolean {
  return since !== null && Date.now() - Number(since) < markLife;
}

/** The session that this tab handed over, if it is the one wanted and not over. */
export function remembered(settings: Settings): Kept | undefined {
  const value = keptHere();
  if (typeof value?.endsAt === 'number' && value.endsAt <= Date.now()) {
    quietly(() => storage('sessionStorage')?.removeItem(kept)); // secrets of nothing any more
    return undefined;
  }
  return value?.wanted === wanted(settings) && typeof value.endsAt === 'number' ? (value as Kept) : undefined;
}

/** Removes every trace of a session from this browser. */
export function forget(sessionId: string): void {
  quietly(() => {
    storage('localStorage')?.removeItem(marked + sessionId);
    storage('localStorage')?.removeItem(codes + sessionId);
  });
  if (sessionKept() === sessionId) quietly(() => storage('sessionStorage')?.removeItem(kept));
}

/**
 * Waits for the browser's coming back. `use` gives the code to the server and says whether it was taken; `undefined`
 * means that the server could not be asked, and that the code is good for another try. Gives what stops it, and tells
 * the other tab if it stops for the best of reasons: the approval may arrive before the answer to the code.
 */
export function awaitReturn(sessionId: string, use: (code: string) => Promise<boolean | undefined>): (approved: boolean) => void {
  const line = channel(tabs);
  let busy = false;
  const done = (): void => void quietly(() => line?.postMessage({ sessionId, done: true }));
  const take = async (code: unknown): Promise<void> => {
    if (busy || typeof code !== 'string' || code === '') return;
    busy = true;
    const taken = await use(code);
    busy = false;
    if (taken !== undefined) quietly(() => storage('localStorage')?.removeItem(codes + sessionId));
    if (taken) done();
  };
  const look = (): void => void take(quietly(() => storage('localStorage')?.getItem(codes + sessionId)));
  if (line) {
    line.onmessage = (event: MessageEvent) => {
      const said = event.data as { sessionId?: unknown; code?: unknown } | null;
      if (said?.sessionId === sessionId) void take(said.code);
    };
  }
  const stops = [onWake(look), onWindow(['focus', 'storage'], look)];
  look();
  return (approved) => {
    if (approved) done();
    for (const stop of stops) stop();
    line?.close();
  };
}

/**
 * Finishes a coming back from an app on this device: to be called by the page that a service's `returnURL` names,
 * when it loads. `from` is the page's location by default, whose fragment is then removed from the address bar. Where
 * it gives `none` the page does what it always does; in the tab that started the login, `startLogin` then goes on with it.
 */
export async function finishReturn(from?: Location | { sessionId: string; code: string }): Promise<Returned> {
  const place = from ?? globalThis.location;
  const back = place && 'code' in place ? place : place && read(place);
  if (!back) return 'none';
  const { sessionId, code } = back;
  const local = storage('localStorage');
  if (!fresh(quietly(() => local?.getItem(marked + sessionId)) ?? null)) return 'stranger';
  quietly(() => local?.setItem(codes + sessionId, code));
  if (await told(sessionId, code)) return 'finished';
  // The app was opened in the very tab that holds the session: the page goes on with it, if it is the page for that.
  return 'hash' in place && sessionKept() === sessionId ? 'none' : 'waiting';
}

function sessionKept(): string | undefined {
  return keptHere()?.started?.sessionId;
}

/** What this tab kept, if it is ours: another program on this origin may have written it. */
function keptHere(): (Partial<Kept> & { readonly wanted?: string }) | null | undefined {
  return parse(quietly(() => storage('sessionStorage')?.getItem(kept)) ?? '') as ReturnType<typeof keptHere>;
}

function read(place: Location): { sessionId: string; code: string } | undefined {
  const [, sessionId, code] = /^#countersign-return=(sess_[\w-]{22})\.([\w-]{43})$/.exec(place.hash) ?? [];
  if (!sessionId || !code) return undefined;
  // A code has no place in the history, nor in an address that somebody copies.
  if (place === globalThis.location) quietly(() => history.replaceState(history.state, '', place.pathname + place.search));
  return { sessionId, code };
}

/** Tells the other tabs; whether the one that waits for it went on. */
function told(sessionId: string, code: string): Promise<boolean> {
  const line = channel(tabs);
  if (!line) return Promise.resolve(false);
  return new Promise((resolve) => {
    const end = (done: boolean): void => {
      clearTimeout(timer);
      line.close();
      resolve(done);
    };
    const timer = setTimeout(() => end(false), ackWithin);
    line.onmessage = (event: MessageEvent) => {
      const said = event.data as { sessionId?: unknown; done?: unknown } | null;
      if (said?.sessionId === sessionId && said.done === true) end(true);
    };
    line.postMessage({ sessionId, code });
  });
}
