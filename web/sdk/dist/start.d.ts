import type { Settings } from './settings.js';
import type { Started } from './types.js';
/** A session just started. */
export interface Start {
    readonly started: Started;
    /** The server's clock when it answered, if it could be read. */
    readonly serverNow?: number | undefined;
}
/** Starts a session, by the page's own means or the caller's. Throws a {@link LoginError}. */
export declare function start(settings: Settings, challenge: string, signal: AbortSignal): Promise<Start>;
