/** A Storage if this page may use it. */
export declare function storage(kind: 'localStorage' | 'sessionStorage'): Storage | undefined;
/** Runs what touches storage, which may be full or taken away; without it only the hand-over is lost. */
export declare function quietly<T>(act: () => T): T | undefined;
/** A channel between the tabs of this origin, if there are such. */
export declare function channel(name: string): BroadcastChannel | undefined;
/** Milliseconds that no clock change moves. */
export declare function monotonic(): number;
/** Listens on the window, if there is one. Gives what stops it. */
export declare function onWindow(names: readonly string[], act: (event: Event) => void): () => void;
/**
 * Tells when the page wakes: it is looked at again, comes out of the back/forward cache, or the network is back;
 * with how long it was away in milliseconds, Infinity where nobody knows. Gives what stops it.
 */
export declare function onWake(act: (away: number) => void): () => void;
