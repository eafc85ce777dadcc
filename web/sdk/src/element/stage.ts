// Where views appear: a shadow root with a place for the panel and a line only screen readers get.
import { h } from './dom.js';
import { styles } from './styles.js';
import type { Language } from './texts.js';
import type { View } from './view.js';

/** The place a view is shown in. */
export interface Stage {
  /** Shows a view in place of the one before. */
  show(view: View): void;
  /** The view that is shown. */
  readonly current: View | undefined;
  /** Tells screen readers something when they have a pause. */
  announce(text: string): void;
  /** Sets the language and direction of what is shown. */
  speak(language: Language): void;
  clear(): void;
}

/** Puts a stage into a host element. */
export function makeStage(host: HTMLElement): Stage {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(styles);
  root.adoptedStyleSheets = [sheet];
  // The line exists before it says anything: screen readers overlook a live region that arrives with its text.
  const status = h('p', { class: 'unseen', role: 'status' });
  const place = h('div', { class: 'place' });
  const whole = h('div', { class: 'stage' }, place, status);
  root.replaceChildren(whole);
  let current: View | undefined;
  const announce = (text: string): void => { status.textContent = text; };
  const show = (view: View): void => {
    if (current === view) return;
    const held = focusWithin(root);
    current = view;
    place.replaceChildren(view.panel);
    if (!placeFocus(root, host, view, held)) announce(view.announcement);
  };
  return {
    show, announce,
    get current() { return current; },
    speak: (language) => { whole.lang = language.tag; whole.dir = language.dir; },
    clear: () => { current = undefined; place.replaceChildren(); },
  };
}

/** The control that has focus inside, by its name; '' for focus on something nameless, undefined for focus elsewhere. */
function focusWithin(root: ShadowRoot): string | undefined {
  const focused = root.activeElement;
  return focused ? focused.getAttribute('data-action') ?? '' : undefined;
}

/**
 * Keeps focus where the user had it: on the same button in the new view, else on the new heading. A view that ends the
 * login takes focus for its heading when nothing else on the page has it, and never from a field the user is in.
 * Reports whether the heading got it, for then it is read out anyway.
 */
function placeFocus(root: ShadowRoot, host: HTMLElement, view: View, held: string | undefined): boolean {
  const same = held ? view.panel.querySelector<HTMLElement>(`[data-action="${held}"]:not([hidden])`) : null;
  if (same && view.takesFocus !== true) {
    same.focus({ preventScroll: true });
    return false;
  }
  const active = host.ownerDocument.activeElement;
  const isFree = active === null || active === host.ownerDocument.body;
  if (held === undefined && !(view.takesFocus === true && isFree)) return false;
  view.heading.focus();
  return root.activeElement === view.heading;
}
