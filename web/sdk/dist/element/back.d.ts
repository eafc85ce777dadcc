/** Watches the Back button. */
export interface BackWatch {
    /** Gives the login its history entry, unless it has one. */
    arm(): void;
    stop(): void;
}
/** Starts to watch; `back` says whether there was anything to cancel. */
export declare function watchBack(back: () => boolean): BackWatch;
