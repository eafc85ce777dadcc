/**
 * What waits for this phone, as it comes: over /ws/device, or by asking every five seconds when no socket can be had.
 */
import type { Pending } from './client.js';
import type { NewDevice } from './keys.js';
import { Problem } from './problem.js';

/** How the list is kept: by socket, by asking, or not at all because nothing answers. */
export type Way = 'socket' | 'asking' | 'offline';

/** Who is told. */
export interface LiveEvents {
  /** The whole list, whenever it changes. */
  sessions(sessions: readonly Pending[]): void;
  way(way: Way): void;
  deviceAdded(device: NewDevice): void;
  /** The server will have nothing to do with this phone (`unknown_device`, `locked`, `invalid_signature`). */
  refused(problem: Problem): void;
}

/** What following needs of its surroundings. */
export interface LiveOptions {
  readonly url: string;
  readonly WebSocket: typeof globalThis.WebSocket;
  hello(): Promise<string>;
  pending(): Promise<readonly Pending[]>;
  visible(): boolean;
  readonly events: LiveEvents;
}

/** A list that is being followed. */
export interface Live {
  /** To be called when the page comes to the front or the network is back: whatever there was may be dead. */
  wake(): void;
  close(): void;
}

const firstPause = 500;
const longestPause = 30_000;
const tooMany = 4009;

/** Follows the list until closed, or until the server does not know this phone any more. */
export function follow(options: LiveOptions): Live {
  const { events } = options;
  let socket: WebSocket | undefined;
  let failures = 0;
  let over = false;
  let retry: ReturnType<typeof setTimeout> | undefined;

  const close = (): void => {
    over = true;
    clearTimeout(retry);
    asking.stop();
    socket?.close();
  };
  const refused = (problem: Problem): void => {
    if (isFinal(problem)) close();
    events.refused(problem);
  };
  const asking = createAsking(options, refused);

  const connect = (): void => {
    clearTimeout(retry);
    const mine = new options.WebSocket(options.url);
    socket = mine;
    const list = createList(events.sessions);
    mine.onopen = () => void options.hello().then((text) => mine.send(text)).catch(() => mine.close());
    mine.onmessage = ({ data }) => {
      const message = readMessage(data);
      if (socket !== mine || message === undefined) return;
      if (message.type === 'ready') {
        failures = 0;
        asking.stop();
        events.way('socket');
      }
      if (message.type === 'device_added') events.deviceAdded(message);
      else list.take(message);
    };
    mine.onclose = ({ code }) => {
      if (socket !== mine || over) return;
      socket = undefined;
      asking.start();
      // Too many tabs of this app are open; taking turns would only have them throw each other out.
      if (code === tooMany) return;
      const pause = Math.min(longestPause, firstPause * 2 ** failures++);
      retry = setTimeout(connect, pause * (0.5 + Math.random() / 2));
    };
  };

  connect();
  return {
    close,
    wake: () => {
      if (over) return;
      // A phone's browser may have dropped the socket in its sleep without a word, so it is not asked whether it lives.
      const old = socket;
      socket = undefined;
      old?.close();
      failures = 0;
      connect();
    },
  };
}

const askEvery = 5000;
// A lock may be told to last for a month, which is longer than a timer can be set for, and may be lifted sooner.
const longestWait = 300_000;

/** Asks what waits, at once and every five seconds, while the page is looked at. */
function createAsking(options: LiveOptions, refused: (problem: Problem) => void) {
  const { events } = options;
  let round = 0; // an answer to an earlier round is dropped: something better took over
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = false;

  const ask = async (mine: number): Promise<void> => {
    let pause = askEvery;
    if (options.visible()) {
      try {
        const sessions = await options.pending();
        if (mine !== round) return;
        events.way('asking');
        events.sessions(sessions);
      } catch (error) {
        if (mine !== round) return;
        if (error instanceof Problem) {
          pause = Math.min(longestWait, Math.max(pause, (error.members.retryAfter ?? 0) * 1000));
          refused(error);
        } else events.way('offline');
      }
    }
    if (mine === round) timer = setTimeout(() => void ask(mine), pause);
  };
  return {
    start(): void {
      if (running) return;
      running = true;
      void ask(++round);
    },
    stop(): void {
      running = false;
      round++;
      clearTimeout(timer);
    },
  };
}

function isFinal(problem: Problem): boolean {
  return problem.code === 'unknown_device' || problem.code === 'invalid_signature';
}

type Message =
  | ({ readonly type: 'session' } & Pending)
  | { readonly type: 'gone'; readonly sessionId: string }
  | { readonly type: 'ready' }
  | ({ readonly type: 'device_added' } & NewDevice);

function readMessage(data: unknown): Message | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    return JSON.parse(data) as Message;
  } catch {
    return undefined; // no message of this protocol; what comes next may be one
  }
}

/** Collects the entries of one connection; says nothing until the server has said all that waits at the moment. */
function createList(tell: (sessions: readonly Pending[]) => void) {
  const sessions = new Map<string, Pending>();
  let complete = false;
  return {
    take(message: Message): void {
      if (message.type === 'session') sessions.set(message.sessionId, message);
      else if (message.type === 'gone') sessions.delete(message.sessionId);
      else if (message.type === 'ready') complete = true;
      else return; // of a later version
      if (complete) tell([...sessions.values()]);
    },
  };
}
