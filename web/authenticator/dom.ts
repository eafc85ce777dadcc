/**
 * Builds the page out of elements and texts; there is no way here to turn a text into markup.
 */

/** What may stand inside an element. */
export type Child = Node | string | undefined | false | readonly Child[];

/** Attributes, and listeners as `onclick` and the like. `false` and undefined leave an attribute out. */
export type Props = Readonly<Record<string, string | number | boolean | undefined | ((event: Event) => void)>>;

/** Makes an element. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: readonly Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice('on'.length), value);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? '' : String(value));
  }
  append(element, children);
  return element;
}

function append(to: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child instanceof Node || typeof child === 'string') to.append(child);
    else if (Array.isArray(child)) append(to, child as readonly Child[]);
  }
}

/** A text of unknown origin, whose writing direction cannot spill into what stands around it. */
export function isolated(text: string, props: Props = {}): HTMLElement {
  return h('bdi', { dir: 'auto', ...props }, text);
}

/** A link that looks like a button, within the app. */
export function linkButton(href: string, text: string, props: Props = {}): HTMLElement {
  return h('a', { class: 'button', href, ...props }, text);
}

/** A button that is out of use while what it starts is under way. */
export function actionButton(text: string, act: () => Promise<void> | void, props: Props = {}): HTMLButtonElement {
  const button = h('button', { type: 'button', class: 'button', ...props, onclick: () => void run() }, text);
  const run = async (): Promise<void> => {
    if (button.getAttribute('aria-busy') === 'true') return;
    button.setAttribute('aria-busy', 'true');
    try {
      await act();
    } finally {
      button.removeAttribute('aria-busy');
    }
  };
  return button;
}

/** Asks a question in a dialogue; resolves with whether the user said yes. Escape says no. */
export function confirmed(question: string, more: string, yes: string): Promise<boolean> {
  return new Promise((resolve) => {
    const dialog = h('dialog', { 'aria-labelledby': 'dialog-title', 'data-testid': 'confirm' },
      h('h2', { id: 'dialog-title' }, question), h('p', {}, more),
      h('div', { class: 'pair' },
        h('button', { type: 'button', class: 'button', 'data-testid': 'confirm-no', onclick: () => dialog.close() }, 'Cancel'),
        h('button', { type: 'button', class: 'button strong', 'data-testid': 'confirm-yes', onclick: () => dialog.close('yes') }, yes)));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Draws rows of dark and light cells as a picture, dark on light whatever the theme. */
export function drawCells(cells: readonly (readonly boolean[])[], label: string): SVGSVGElement {
  const space = 'http://www.w3.org/2000/svg';
  const size = cells.length;
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', label);
  svg.setAttribute('class', 'qr');
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', cells.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join(''));
  svg.append(path);
  return svg;
}

/** What a user calls the machine this runs on, and what is told to services: `Android phone`, `Linux computer`. */
export function machineName(userAgent: string): string {
  if (/iPhone/.test(userAgent)) return 'iPhone';
  if (/iPad/.test(userAgent)) return 'iPad';
  if (/Android/.test(userAgent)) return /Mobile/.test(userAgent) ? 'Android phone' : 'Android tablet';
  if (/Macintosh/.test(userAgent)) return 'Mac';
  if (/Windows/.test(userAgent)) return 'Windows computer';
  if (/CrOS/.test(userAgent)) return 'Chromebook';
  if (/Linux/.test(userAgent)) return 'Linux computer';
  return 'Web browser';
}
