import type { Announce } from './blocks.js';
import type { Scene, View } from './view.js';
import type { LoginState } from '../types.js';
type State<N extends LoginState['name']> = Extract<LoginState, {
    name: N;
}>;
/** What the views of an open session can ask of the login. */
export interface Conduct {
    cancel(): void;
    restart(): void;
    takeBack(): void;
    handedOver(): void;
    qrText(): Promise<string>;
    handoverLink(): Promise<string>;
    paintQR(text: string): SVGSVGElement;
    announce: Announce;
    /** Whether the app is likelier on this device than on another: a touch screen. */
    readonly handy: boolean;
}
/** While the server is asked for a session. */
export declare function startingView(scene: Scene, conduct: Conduct): View;
/** While no phone has opened the session. */
export declare function pendingView(scene: Scene, conduct: Conduct, state: State<'pending'>): View;
/** While the request is open on a phone. The code stays, because it is typed only now. */
export declare function claimedView(scene: Scene, conduct: Conduct, state: State<'claimed'>): View;
/** When another tab shows the session. */
export declare function elsewhereView(scene: Scene, conduct: Conduct, state: State<'elsewhere'>): View;
/** The key of a state's view: another session or another step is another view. */
export declare function keyOf(state: LoginState): string;
export {};
