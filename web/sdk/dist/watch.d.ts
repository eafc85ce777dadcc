import type { Settings } from './settings.js';
import type { LoginState, Started } from './types.js';
/** A session and what this page alone knows of it. */
export interface Session {
    readonly started: Started;
    readonly verifier: string;
    /** When it ends, of this machine's clock. */
    readonly endsAt: number;
    /** When it began, of the monotonic clock. */
    readonly began: number;
    /** Whether `endsAt` was computed with the server's clock in hand. */
    readonly sure: boolean;
    /** Whether it was handed over to an app on this device before. */
    readonly resumed: boolean;
}
/** A session being watched, from `begin` on. */
export interface Watch {
    begin(): void;
    qrText(): Promise<string>;
    handoverLink(): Promise<string>;
    handedOver(): void;
    takeBack(): void;
    /** Stops watching. Unless the session has ended the server is told that it was given up. */
    giveUp(): void;
}
/** Watches a session to its end and tells every state it gets into. */
export declare function watch(settings: Settings, session: Session, tell: (state: LoginState) => void): Watch;
/** When a session ends, of this machine's clock: at most ten minutes from now, whatever the clocks say. */
export declare function endOf(expiresAt: string, serverNow?: number): number;
