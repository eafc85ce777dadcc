import type { Settings } from './settings.js';
/** Gives `work` a signal that fires when `outer` does or when the time is up. */
export declare function timed<T>(within: number, outer: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
/** Waits; sooner over when the signal fires. */
export declare function pause(milliseconds: number, signal?: AbortSignal): Promise<void>;
/** The wait before try number `n` (from 0): anything up to a bound that doubles from 250 ms to 8 s, so that the pages of a node that went away do not come back in step. */
export declare function backoff(n: number): number;
/** The whole seconds of Retry-After, if it can be read and is a number. */
export declare function retryAfter(response: Response): number | undefined;
/** The server's clock, if the answer tells it and nothing on the way keeps it from the page. */
export declare function serverTime(response: Response): number | undefined;
/** What it takes to watch a session. */
export interface Link {
    readonly sessionId: string;
    readonly wsUrl: string;
    readonly wsToken: string;
    readonly verifier: string;
}
/** The address of a session's resource; it holds no secret. */
export declare function sessionURL(settings: Settings, link: Link, rest?: string): string;
/** The headers that show the right to a session. */
export declare function rights(link: Link): Record<string, string>;
