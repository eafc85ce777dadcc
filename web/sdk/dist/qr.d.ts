/**
 * Draws a QR code as an SVG element: one path, dark on light whatever the theme, because many readers refuse an
 * inverted code. It has no size of its own. Its `aria-label` is English; a page in another language sets its own.
 */
export declare function qrSVG(text: string, doc?: Document): SVGSVGElement;
/** Draws a long text with as few modules as there can be: on a screen nothing of a code is dirty or torn. */
export declare function denseQR(text: string): SVGSVGElement;
