import { type Link } from './http.js';
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
/** A WebSocket. Token and verifier go as subprotocols, because addresses end up in logs. */
export declare const socket: Open;
/** Server-sent events over fetch: EventSource can send no headers, and a token has no place in an address. */
export declare const events: Open;
/** Cuts a text/event-stream into events as it comes in. Ids and comments are skipped: each message holds its own id. */
export declare function frames(tell: (event: string, data: string) => void): (text: string) => void;
/** What one poll brought, or why it brought nothing, as a close code. */
export type Asked = {
    readonly messages: readonly unknown[];
    readonly serverNow?: number | undefined;
} | {
    readonly code: number;
    readonly retryAfter?: number | undefined;
};
/** Asks once for what is newer than `after`, letting the server wait for news up to `wait` seconds. Never throws. */
export declare function ask(settings: Settings, watched: Watched, after: number, wait: number, signal?: AbortSignal): Promise<Asked>;
/** Long polling. The first poll does not wait and asks from the beginning, so that `elapsed` comes anew as on every other new connection. */
export declare const poll: Open;
