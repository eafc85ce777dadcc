import type { LoginOptions } from './types.js';
/** The options with their defaults filled in. */
export interface Settings {
    readonly options: LoginOptions;
    /** Without a slash at the end. */
    readonly issuer: string;
    readonly fetch: typeof globalThis.fetch | undefined;
    readonly WebSocket: typeof globalThis.WebSocket | undefined;
    readonly sameDevice: boolean;
    /** Never given a secret: no code, token, verifier or key, and no address that holds one. */
    readonly log: (line: string) => void;
}
/** Fills in the defaults. */
export declare function settingsOf(options: LoginOptions): Settings;
