import type { Child, Sign } from './dom.js';
import type { Scene, View } from './view.js';
import type { LoginState } from '../types.js';
/** A state after which nothing more comes. */
export type EndState = Extract<LoginState, {
    name: 'approved' | 'rejected' | 'expired' | 'cancelled' | 'failed';
}>;
/** Whether nothing more comes after this state. */
export declare function isEnd(state: LoginState): state is EndState;
/** How a page goes on after an end that is not to be tried again: to another page, or by something that it does. */
export interface Onward {
    readonly to: string | (() => void);
    readonly text: string;
}
/** Builds the view of an end; `again` starts another login, unless there is only the way on. */
export declare function endView(scene: Scene, state: EndState, again: () => void, onward?: Onward): View;
/** The panel of a plain message: a sign, a heading and what follows. */
export declare function messagePanel(scene: Scene, kind: string, sign: Sign, title: string, ...children: Child[]): {
    panel: HTMLElement;
    heading: HTMLElement;
};
