import { encodeQR } from 'qr';

/** How many light modules surround the symbol; ISO/IEC 18004 asks for four. */
const quiet = 4;

const svg = 'http://www.w3.org/2000/svg';

/**
 * Draws a QR code as an SVG element: one path, dark on light whatever the theme, because many readers refuse an
 * inverted code. It has no size of its own. Its `aria-label` is English; a page in another language sets its own.
 */
export function qrSVG(text: string, doc: Document = document): SVGSVGElement {
  return draw(encodeQR(text, 'raw', { ecc: 'medium', border: quiet }), doc);
}

/** Draws a long text with as few modules as there can be: on a screen nothing of a code is dirty or torn. */
export function denseQR(text: string): SVGSVGElement {
  return draw(encodeQR(text, 'raw', { ecc: 'low', border: quiet }), document);
}

function draw(rows: readonly (readonly boolean[])[], doc: Document): SVGSVGElement {
  const root = doc.createElementNS(svg, 'svg');
  set(root, { viewBox: `0 0 ${rows.length} ${rows.length}`, role: 'img', 'aria-label': 'QR code', 'shape-rendering': 'crispEdges' });
  const ground = doc.createElementNS(svg, 'rect');
  set(ground, { width: '100%', height: '100%', fill: '#fff' });
  const path = doc.createElementNS(svg, 'path');
  set(path, { fill: '#000', d: rows.map(runs).join('') });
  root.append(ground, path);
  return root;
}

function set(element: Element, attributes: Record<string, string>): void {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

// Neighbouring dark modules are one rectangle: a third of the text, and no hairlines between them.
function runs(row: readonly boolean[], y: number): string {
  let d = '';
  for (let x = 0; x < row.length; x++) {
    if (!row[x]) continue;
    let n = 1;
    while (row[x + n]) n++;
    d += `M${x} ${y}h${n}v1h-${n}z`;
    x += n;
  }
  return d;
}
