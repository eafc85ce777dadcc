import type { Scene, View } from './view.js';
import type { Returned } from '../types.js';
/** What a coming back can lead to here; `incomplete`: its link was damaged. */
export type Arrival = Exclude<Returned, 'none'> | 'incomplete';
/** Builds the view of a coming back. `anew` starts a login here, where that is possible. */
export declare function returnView(scene: Scene, arrival: Arrival, anew?: () => void): View;
/** Builds the page of a QR code's link opened in a browser; with `app`, the link to the app on this device. */
export declare function linkView(scene: Scene, issuer: string, app: string): View;
