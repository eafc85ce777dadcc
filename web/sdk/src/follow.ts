import { backoff } from './http.js';
import type { Settings } from './settings.js';
import { ask, events, type Open, poll, socket, type Watched } from './transport.js';
import type { Connection } from './types.js';

/** How long a transport may take to bring its first word. */
const patience = 5000;

/** A connection that lived this long was a good one: the next waits begin small again. */
const steady = 10_000;

/** A page that was away for longer does not trust its socket, which may be dead without having been told. */
const doze = 5000;

/** The most that a server's Retry-After makes us wait, in seconds. */
const longestWait = 30;

/** What following a session brings. */
export interface Told {
  connection(now: Connection): void;
  message(value: unknown): void;
  /** Another connection took over; nothing more is done. */
  elsewhere(): void;
  /** The server knows no such session (4004), or may not show it to us (4001). */
  lost(code: number): void;
  /** The server's clock, where it can be read. */
  serverTime(now: number): void;
}

/** A session being followed. */
export interface Following {
  /** The page woke up after `away` milliseconds: asks once what was missed, then sees to a live connection. */
  wake(away: number): void;
  /** Asks once; whether the server could be reached. */
  ask(): Promise<boolean>;
  stop(): void;
}

interface Way {
  readonly name: Connection;
  readonly open: Open;
}

/** How one try of a way ended. */
interface Ending {
  readonly code: number;
  readonly retryAfter: number;
  /** Whether it ever brought anything. */
  readonly opened: boolean;
  /** Whether it was given up because it brought nothing in time. */
  readonly silent: boolean;
  readonly lasted: number;
}

/**
 * Follows a session by the best transport that works: WebSocket, event stream, long poll. Two failures to open, or
 * silence, make it try the next, and it stays with one that works; a wake-up begins with the WebSocket again.
 */
export function follow(settings: Settings, watched: Watched, told: Told): Following {
  const ways = waysOf(settings);
  const stopping = new AbortController();
  let level = 0;
  let failures = 0; // to open, of this way, one after the other
  let waits = 0;
  let live: Connection = 'none';
  let hangUp = (): void => {};
  let timer: ReturnType<typeof setTimeout> | undefined;

  const show = (now: Connection): void => {
    if (now !== live) told.connection((live = now));
  };
  const connect = (): void => {
    clearTimeout(timer);
    hangUp();
    const way = ways[level]!;
    const open = (): void => {
      failures = 0;
      show(way.name);
    };
    hangUp = attempt(settings, watched, way, { open, message: told.message, ended });
  };
  const ended = (e: Ending): void => {
    hangUp = () => {};
    show('none');
    if (e.code === 4001 || e.code === 4004) return told.lost(e.code);
    if (e.code === 4009) return told.elsewhere();
    if (e.opened && e.lasted >= steady) waits = 0;
    // 1001 comes from a node that serves sockets, only not for long: no reason to think that they do not work.
    if (!e.opened && e.code !== 1001) failures += e.silent ? 2 : 1;
    const fall = failures >= 2;
    if (fall) {
      level = (level + 1) % ways.length;
      failures = 0;
    }
    // The next way is tried at once; after the last it is the network, and not the way, that is at fault.
    const wait = fall && level > 0 ? 0 : Math.max(backoff(waits++), Math.min(e.retryAfter, longestWait) * 1000);
    settings.log(`again in ${Math.round(wait)} ms`);
    timer = setTimeout(connect, wait);
    // The final message goes before a 1000; one that got lost may be asked for.
    if (e.code === 1000) void look();
  };
  const look = (): Promise<Look> => catchUp(settings, watched, told, stopping.signal);
  const wake = waking(async (away) => {
    clearTimeout(timer); // no reconnecting before the answer
    settings.log('awake');
    const { news } = await look();
    // News that a live connection would have brought show that it is dead.
    if (stopping.signal.aborted || (live === 'websocket' && away() < doze && !news)) return;
    level = failures = waits = 0;
    connect();
  });
  const stop = (): void => {
    stopping.abort();
    clearTimeout(timer);
    hangUp();
  };
  connect();
  return { wake, stop, ask: async () => (await look()).reached };
}

function waysOf(settings: Settings): Way[] {
  const ways: Way[] = [{ name: 'events', open: events }, { name: 'poll', open: poll }];
  if (settings.WebSocket) ways.unshift({ name: 'websocket', open: socket });
  return ways;
}

/** Tries one way once. `ended` comes once, unless what this gives was called before. */
function attempt(
  settings: Settings,
  watched: Watched,
  way: Way,
  hear: { open(): void; message(value: unknown): void; ended(e: Ending): void },
): () => void {
  const begun = Date.now();
  let opened = false;
  const hangUp = (): void => {
    clearTimeout(watchdog);
    close();
  };
  const end = (code: number, silent: boolean, retryAfter = 0): void => {
    hangUp();
    settings.log(`${way.name}: ${silent ? 'silent' : `closed ${code}`}`);
    hear.ended({ code, silent, retryAfter, opened, lasted: Date.now() - begun });
  };
  settings.log(`${way.name}: connecting`);
  const watchdog = setTimeout(() => end(1006, true), patience);
  const close = way.open(settings, watched, {
    alive: () => {
      if (opened) return;
      opened = true;
      clearTimeout(watchdog);
      settings.log(`${way.name}: open`);
      hear.open();
    },
    message: hear.message,
    closed: (code, retryAfter) => end(code, false, retryAfter),
  });
  return hangUp;
}

interface Look {
  readonly news: boolean;
  readonly reached: boolean;
}

/** Asks once for what was missed and passes it on. */
async function catchUp(settings: Settings, watched: Watched, told: Told, signal: AbortSignal): Promise<Look> {
  const asked = await ask(settings, watched, watched.last(), 0, signal);
  if (signal.aborted) return { news: false, reached: false };
  if ('code' in asked) {
    settings.log(`asked once: ${asked.code}`);
    const lost = asked.code === 4001 || asked.code === 4004;
    if (lost) told.lost(asked.code);
    return { news: false, reached: lost };
  }
  settings.log(`asked once: ${asked.messages.length} new`);
  if (asked.serverNow !== undefined) told.serverTime(asked.serverNow);
  for (const m of asked.messages) if (!signal.aborted) told.message(m);
  return { news: asked.messages.length > 0, reached: true };
}

/** Browsers fire several events for one waking: makes one of those that come while the first is being dealt with. */
function waking(act: (away: () => number) => Promise<void>): (away: number) => void {
  let busy = false;
  let longest = 0;
  return (away) => {
    longest = Math.max(longest, away);
    if (busy) return;
    busy = true;
    void act(() => longest).finally(() => {
      busy = false;
      longest = 0;
    });
  };
}
