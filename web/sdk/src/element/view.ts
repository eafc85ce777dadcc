// What all views share: the panel with the service's sign and a heading, and what a view needs from its surroundings.
import { h } from './dom.js';
import type { Child } from './dom.js';
import type { Language } from './texts.js';
import type { LoginState } from '../types.js';

/** Who asks for what; from the element's attributes. */
export interface Brand {
  readonly service: string;
  readonly logo: string;
  /** What is to be approved; '' for a login, or where it is not said. */
  readonly ask: string;
  /** Whether it is something to approve, and no login. */
  readonly approval: boolean;
  /** The level of the heading, 1 to 6. */
  readonly headingLevel: number;
  readonly demo: boolean;
  /** Whether nothing follows an approval on this page. */
  readonly endsHere: boolean;
}

/** What a view needs to speak and to look like its page. */
export interface Scene extends Language {
  readonly brand: Brand;
}

/** One clear view of a state, in the page until a view with another key takes its place. */
export interface View {
  /** Views with the same key are the same view, which is then updated in place. */
  readonly key: string;
  readonly panel: HTMLElement;
  readonly heading: HTMLElement;
  /** What a screen reader is told, politely, when the view appears and focus does not move to it. */
  readonly announcement: string;
  /** Whether the heading gets focus when nothing else on the page has it. */
  readonly takesFocus?: boolean;
  update?(state: LoginState): void;
  /** Called about four times a second. */
  tick?(): void;
}

/** A panel's frame. */
export interface Frame {
  readonly panel: HTMLElement;
  readonly heading: HTMLElement;
}

/** The name of what is being done, without the service when the panel names it anyway. */
export function purpose(scene: Scene): string {
  const { brand, t } = scene;
  if (brand.ask !== '') return brand.ask;
  if (brand.approval) return brand.service === '' ? t('asked') : t('approveAt', { service: brand.service });
  return brand.service === '' ? t('logIn') : t('logInTo', { service: brand.service });
}

/** Builds the panel: logo, the line above the heading, the heading, and what the view puts below. */
export function frame(scene: Scene, kind: string, title: string, ...children: Child[]): Frame {
  const { brand, t } = scene;
  const heading = h(headingTag(brand.headingLevel), { part: 'title', id: 'title', tabindex: -1 }, title);
  const panel = h('section', { part: `panel panel-${kind}`, class: `panel ${kind}`, 'aria-labelledby': 'title' },
    brand.demo && h('p', { part: 'demo', class: 'demo' }, t('demo')),
    header(scene, title === purpose(scene)),
    heading,
    ...children);
  return { panel, heading };
}

/** The logo, or a tile with the service's first letter, and the service's name unless the heading has it. */
function header(scene: Scene, isPurpose: boolean): HTMLElement | false {
  const { brand, t } = scene;
  const line = isPurpose && brand.ask !== '' ? brand.service === '' ? t('asked') : t('asks', { service: brand.service })
    : isPurpose ? '' : brand.service;
  if (brand.service === '' && brand.logo === '' && line === '') return false;
  return h('div', { part: 'header', class: 'header' }, sign(brand), line !== '' && h('p', { part: 'service' }, h('bdi', {}, line)));
}

function sign(brand: Brand): HTMLElement | false {
  const tile = monogram(brand.service);
  if (brand.logo === '') return tile;
  const image = h('img', { part: 'logo', class: 'logo', src: brand.logo, alt: '' });
  // A logo that cannot be had must not leave a broken picture beside the name.
  image.addEventListener('error', () => { if (tile) image.replaceWith(tile); else image.remove(); });
  return image;
}

function monogram(service: string): HTMLElement | false {
  const first = [...service][0];
  return first !== undefined && h('span', { part: 'logo monogram', class: 'monogram', 'aria-hidden': 'true' }, first.toUpperCase());
}

function headingTag(level: number): 'h1' | 'h2' | 'h3' | 'h4' | 'h5' | 'h6' {
  const tags = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'] as const;
  return tags[level - 1] ?? 'h2';
}
