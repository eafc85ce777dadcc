// The few lines that build markup. Nothing is ever parsed from a string, so no text of a service can become markup,
// and a page's content security policy needs no exception.

/** What {@link h} can set: attributes by name, `false` and `undefined` leaving one out, and `part` naming it for CSS. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** Anything that can stand inside an element; empty things are left out. */
export type Child = Node | string | false | undefined;

/** Makes an element with attributes and children. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((c): c is Node | string => c !== undefined && c !== false && c !== ''));
  return element;
}

/** A button that does something when pressed; `name` is its part and how focus finds it again. */
export function button(name: string, kind: 'primary' | 'secondary' | 'quiet', text: string, press: () => void): HTMLButtonElement {
  const element = h('button', { type: 'button', part: `button ${kind} ${name}`, class: kind, 'data-action': name }, text);
  element.addEventListener('click', press);
  return element;
}

/** Sets a text only when it differs, so that nothing is announced or repainted for nothing. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** What an icon can say. */
export type Sign = 'yes' | 'no' | 'time' | 'note';

const strokes: Readonly<Record<Sign, string>> = {
  yes: 'M5 12.5l4.5 4.5L19 7.5',
  no: 'M7 7l10 10M17 7L7 17',
  time: 'M12 4.5a7.5 7.5 0 1 0 0 15a7.5 7.5 0 1 0 0-15M12 8.5V12l2.5 1.75',
  note: 'M12 11v6M12 7v.5',
};

/** Draws the sign of an end state. The words beside it say the same, so it is hidden from assistive technology. */
export function icon(sign: Sign): HTMLElement {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', strokes[sign]);
  svg.append(path);
  return h('div', { part: `icon icon-${sign}`, class: `icon ${sign}`, 'aria-hidden': 'true' }, svg);
}
