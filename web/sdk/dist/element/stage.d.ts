import type { Language } from './texts.js';
import type { View } from './view.js';
/** The place a view is shown in. */
export interface Stage {
    /** Shows a view in place of the one before. */
    show(view: View): void;
    /** The view that is shown. */
    readonly current: View | undefined;
    /** Tells screen readers something when they have a pause. */
    announce(text: string): void;
    /** Sets the language and direction of what is shown. */
    speak(language: Language): void;
    clear(): void;
}
/** Puts a stage into a host element. */
export declare function makeStage(host: HTMLElement): Stage;
