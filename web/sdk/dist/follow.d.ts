import type { Settings } from './settings.js';
import { type Watched } from './transport.js';
import type { Connection } from './types.js';
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
/**
 * Follows a session by the best transport that works: WebSocket, event stream, long poll. Two failures to open, or
 * silence, make it try the next, and it stays with one that works; a wake-up begins with the WebSocket again.
 */
export declare function follow(settings: Settings, watched: Watched, told: Told): Following;
