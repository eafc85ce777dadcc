import type { Settings } from './settings.js';
import type { Returned, Started } from './types.js';
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
/** Marks this browser as the one that started the session, and keeps in this tab what it needs to go on. */
export declare function mark(settings: Settings, keep: Kept): void;
/** The page of this tab that waits for the session's coming back, where the app was opened in its place. */
export declare function pageToResume(sessionId: string): string | undefined;
/** The session that this tab handed over, if it is the one wanted and not over. */
export declare function remembered(settings: Settings): Kept | undefined;
/** Removes every trace of a session from this browser. */
export declare function forget(sessionId: string): void;
/**
 * Waits for the browser's coming back. `use` gives the code to the server and says whether it was taken; `undefined`
 * means that the server could not be asked, and that the code is good for another try. Gives what stops it, and tells
 * the other tab if it stops for the best of reasons: the approval may arrive before the answer to the code.
 */
export declare function awaitReturn(sessionId: string, use: (code: string) => Promise<boolean | undefined>): (approved: boolean) => void;
/**
 * Finishes a coming back from an app on this device: to be called by the page that a service's `returnURL` names,
 * when it loads. `from` is the page's location by default, whose fragment is then removed from the address bar. Where
 * it gives `none` the page does what it always does; in the tab that started the login, `startLogin` then goes on with it.
 */
export declare function finishReturn(from?: Location | {
    sessionId: string;
    code: string;
}): Promise<Returned>;
