import type { Child, Sign } from './dom.js';
import type { Scene, View } from './view.js';
import type { LoginState } from '../types.js';
/** A state after which nothing more comes. */
export type EndState = Extract<LoginState, {
    name: 'approved' | 'rejected' | 'expired' | 'cancelled' | 'failed';
}>;
/** Whether nothing more comes after this state. */
export declare function isEnd(state: LoginState): state is EndState;
/** Where a page goes on to after an end that nothing more can be tried after. */
export interface Onward {
    readonly href: string;
    readonly text: string;
}
/** Builds the view of an end; `again` starts another login, unless there is only the way on. */
export declare function endView(scene: Scene, state: EndState, again: () => void, onward?: Onward): View;
/** The panel of a plain message: a sign, a heading and what follows. */
export declare function messagePanel(scene: Scene, kind: string, sign: Sign, title: string, ...children: Child[]): {
    panel: HTMLElement;
    heading: HTMLElement;
};
