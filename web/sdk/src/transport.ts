import { type Link, pause, retryAfter, rights, serverTime, sessionURL, timed } from './http.js';
import { parse } from './message.js';
import type { Settings } from './settings.js';

/** A session to watch, and how far it has been heard. */
export interface Watched extends Link {
  /** The id of the newest message seen, 0 at first. */
  last(): number;
}

/** What a transport tells. Nothing follows `closed`. */
export interface Hear {
  /** Something came that shows that the transport works. */
  alive(): void;
  message(value: unknown): void;
  /** It is over, with a close code of the protocol's section 4; 1006 for a failure without one. */
  closed(code: number, retryAfter?: number): void;
}

/** Opens a transport. Gives what ends it, after which it tells nothing. */
export type Open = (settings: Settings, watched: Watched, hear: Hear) => () => void;

/** How long an event stream may be silent; the server pings every 20 s. */
const silence = 45_000;

/** The longest wait a poll may ask for, in seconds. */
const longest = 25;

/** A WebSocket. Token and verifier go as subprotocols, because addresses end up in logs. */
export const socket: Open = (settings, watched, hear) => {
  const url = new URL(watched.wsUrl);
  url.search = '';
  let ws: WebSocket;
  try {
    ws = new settings.WebSocket!(url.href, ['countersign.v1', `token.${watched.wsToken}`, `verifier.${watched.verifier}`]);
  } catch {
    // Not allowed from here, such as ws: from an https: page. Told later, as every other end is.
    const timer = setTimeout(() => hear.closed(1006));
    return () => clearTimeout(timer);
  }
  let over = false;
  ws.onmessage = (event: MessageEvent) => {
    if (over) return;
    hear.alive();
    hear.message(parse(String(event.data)));
  };
  ws.onclose = (event: CloseEvent) => {
    if (over) return;
    over = true;
    hear.closed(event.code);
  };
  return () => {
    over = true;
    ws.close(1000);
  };
};

/** Server-sent events over fetch: EventSource can send no headers, and a token has no place in an address. */
export const events: Open = (settings, watched, hear) => {
  const controller = new AbortController();
  let over = false;
  let watchdog: ReturnType<typeof setTimeout> | undefined;
  const end = (code: number, wait?: number): void => {
    clearTimeout(watchdog);
    controller.abort();
    if (!over) hear.closed(code, wait);
    over = true;
  };
  const beat = (): void => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => end(1006), silence);
  };
  const read = async (): Promise<void> => {
    const headers: Record<string, string> = { ...rights(watched), Accept: 'text/event-stream' };
    if (watched.last() > 0) headers['Last-Event-ID'] = String(watched.last());
    const response = await settings.fetch!(sessionURL(settings, watched, '/events'), { headers, cache: 'no-store', signal: controller.signal });
    if (!response.ok || !response.body) return end(codeOf(response), retryAfter(response));
    const feed = frames((event, data) => {
      if (over) return;
      if (event === 'close') return end(closeCode(data));
      hear.message(parse(data));
    });
    const text = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || over) return end(1006);
      beat();
      hear.alive();
      feed(text.decode(value, { stream: true }));
    }
  };
  beat();
  read().catch(() => end(1006));
  return () => {
    over = true;
    end(1000);
  };
};

function closeCode(data: string): number {
  const code = (parse(data) as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'number' ? code : 1006;
}

/** Cuts a text/event-stream into events as it comes in. Ids and comments are skipped: each message holds its own id. */
export function frames(tell: (event: string, data: string) => void): (text: string) => void {
  let rest = '';
  let event = '';
  let data: string[] = [];
  return (text) => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('event:')) event = line.slice(6).trim();
      else if (line.startsWith('data:')) data.push(line.slice(5).trimStart());
      else if (line === '') {
        if (data.length > 0) tell(event, data.join('\n'));
        event = '';
        data = [];
      }
    }
  };
}

/** What one poll brought, or why it brought nothing, as a close code. */
export type Asked = { readonly messages: readonly unknown[]; readonly serverNow?: number | undefined } | { readonly code: number; readonly retryAfter?: number | undefined };

/** Asks once for what is newer than `after`, letting the server wait for news up to `wait` seconds. Never throws. */
export async function ask(settings: Settings, watched: Watched, after: number, wait: number, signal?: AbortSignal): Promise<Asked> {
  try {
    return await timed(wait * 1000 + 5000, signal, async (s) => {
      const url = sessionURL(settings, watched, `?after=${after}&wait=${wait}`);
      const response = await settings.fetch!(url, { headers: rights(watched), cache: 'no-store', signal: s });
      if (!response.ok) return { code: codeOf(response), retryAfter: retryAfter(response) };
      const { messages } = (await response.json()) as { messages: unknown[] };
      return { messages: [...messages], serverNow: serverTime(response) };
    });
  } catch {
    return { code: 1006 }; // no answer, or none of ours
  }
}

function codeOf(response: Response): number {
  switch (response.status) {
    case 401: return 4001;
    case 404: return 4004;
    case 429:
    case 503: return 1013;
    default: return 1006;
  }
}

/** Long polling. The first poll does not wait and asks from the beginning, so that `elapsed` comes anew as on every other new connection. */
export const poll: Open = (settings, watched, hear) => {
  const controller = new AbortController();
  const { signal } = controller;
  const run = async (): Promise<void> => {
    for (let wait = 0; ; wait = longest) {
      const begun = Date.now();
      const asked = await ask(settings, watched, wait === 0 ? 0 : watched.last(), wait, signal);
      if (signal.aborted) return;
      if ('code' in asked) return hear.closed(asked.code, asked.retryAfter);
      hear.alive();
      for (const m of asked.messages) if (!signal.aborted) hear.message(m);
      if (signal.aborted) return;
      // A node that is full or going down answers at once; asking again at once would not help it.
      if (wait > 0 && asked.messages.length === 0 && Date.now() - begun < 1000) await pause(1000, signal);
    }
  };
  void run();
  return () => controller.abort();
};
