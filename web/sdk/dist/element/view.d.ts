import type { Child } from './dom.js';
import type { Language } from './texts.js';
import type { LoginState } from '../types.js';
/** Who asks for what; from the element's attributes. */
export interface Brand {
    readonly service: string;
    readonly logo: string;
    /** What is to be approved; '' for a login, or where it is not said. */
    readonly ask: string;
    /** Whether it is something to approve, and no login. */
    readonly approval: boolean;
    /** The level of the heading, 1 to 6. */
    readonly headingLevel: number;
    readonly demo: boolean;
    /** Whether nothing follows an approval on this page. */
    readonly endsHere: boolean;
}
/** What a view needs to speak and to look like its page. */
export interface Scene extends Language {
    readonly brand: Brand;
}
/** One clear view of a state, in the page until a view with another key takes its place. */
export interface View {
    /** Views with the same key are the same view, which is then updated in place. */
    readonly key: string;
    readonly panel: HTMLElement;
    readonly heading: HTMLElement;
    /** What a screen reader is told, politely, when the view appears and focus does not move to it. */
    readonly announcement: string;
    /** Whether the heading gets focus when nothing else on the page has it. */
    readonly takesFocus?: boolean;
    update?(state: LoginState): void;
    /** Called about four times a second. */
    tick?(): void;
}
/** A panel's frame. */
export interface Frame {
    readonly panel: HTMLElement;
    readonly heading: HTMLElement;
}
/** The name of what is being done, without the service when the panel names it anyway. */
export declare function purpose(scene: Scene): string;
/** Builds the panel: logo, the line above the heading, the heading, and what the view puts below. */
export declare function frame(scene: Scene, kind: string, title: string, ...children: Child[]): Frame;
