import type { Scene } from './view.js';
import type { Mode, OpenSession } from '../types.js';
/** A piece of a view that follows the session. */
export interface Block {
    readonly element: HTMLElement;
    update(session: OpenSession): void;
}
/** Says something to screen readers, politely. */
export type Announce = (text: string) => void;
/**
 * The code in two groups of digits, large, and digit by digit for screen readers. It reads left to right in every
 * language. Only a code that has to be typed can be copied.
 */
export declare function codeBlock(scene: Scene, mode: Mode, announce: Announce): Block;
/** The moving QR code. It is redrawn also for those who prefer reduced motion, because a still one would not work. */
export interface QRBlock {
    readonly element: HTMLElement;
    /** Draws what the code says now, unless it says the same as before. */
    draw(): void;
}
/** Makes the QR block; `read` gives the text, `paint` the picture. */
export declare function qrBlock(scene: Scene, help: string, read: () => Promise<string>, paint: (text: string) => SVGSVGElement): QRBlock;
/** The time left, with a way to more of it. */
export interface TimeBlock extends Block {
    tick(): void;
}
/**
 * The countdown. What changes every second is hidden from screen readers; they are told at 30, 10 and 0 seconds, and
 * the button for more time comes with the first of these (WCAG 2.2.1 wants 20 s for that).
 */
export declare function timeBlock(scene: Scene, restart: () => void, announce: Announce): TimeBlock;
/** Seconds as `m:ss`. */
export declare function clock(seconds: number): string;
/** The lines about a failed try, and about a connection that has been gone for a while. */
export interface TroubleBlock extends Block {
    tick(): void;
}
/** Makes the trouble lines. A failed try is an alert; a lost connection is quiet, for it mends itself. */
export declare function troubleBlock(scene: Scene): TroubleBlock;
