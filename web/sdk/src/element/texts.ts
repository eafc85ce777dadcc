// The words the element and the login pages say, in every language they speak. A new language is a new file in
// locales/ and a line in `languages`; the tests compare its keys, plural forms and placeholders with the English ones.
import ar from '../../locales/ar.json';
import cs from '../../locales/cs.json';
import de from '../../locales/de.json';
import en from '../../locales/en.json';
import es from '../../locales/es.json';
import fr from '../../locales/fr.json';
import sv from '../../locales/sv.json';

/** Every text by its key; English is the model. A text with plural forms is an object of them. */
export type Texts = typeof en;

/** The key of a text. */
export type TextKey = keyof Texts;

/** What stands for the placeholders of a text; `n` chooses among plural forms. */
export type Values = Readonly<Record<string, string | number>>;

/** Gives a text with its placeholders filled in. */
export type Translate = (key: TextKey, values?: Values) => string;

/** One language, ready to speak. */
export interface Language {
  /** Its BCP 47 tag, such as `de`. */
  readonly tag: string;
  /** Which way it is written. */
  readonly dir: 'ltr' | 'rtl';
  readonly t: Translate;
}

type Forms = Readonly<Record<string, string>>;

type TextsOf = Readonly<Record<TextKey, string | Forms>>;

const languages: Readonly<Record<string, TextsOf>> = { en, de, sv, cs, fr, es, ar };

/** The tags of the languages there are, English first. */
export const languageTags: readonly string[] = Object.keys(languages);

/** Picks the first of the wished tags there are texts for (`fr-CA` finds `fr`); English when there is none. */
export function chooseLanguage(wishes: readonly (string | null | undefined)[]): Language {
  for (const wish of wishes) {
    const tag = (wish ?? '').trim().toLowerCase().split('-')[0] ?? '';
    if (languageTags.includes(tag)) return speak(tag);
  }
  return speak('en');
}

/** What an element's surroundings wish: its own or its nearest ancestor's `lang`, then the browser's languages. */
export function wishesOf(element: Element): (string | null)[] {
  const nearest = element.closest('[lang]')?.getAttribute('lang') ?? null;
  return [nearest, ...(globalThis.navigator?.languages ?? [])];
}

function speak(tag: string): Language {
  const texts: TextsOf = languages[tag] ?? en;
  const plural = new Intl.PluralRules(tag);
  const dir = tag === 'ar' ? 'rtl' : 'ltr';
  const t: Translate = (key, values = {}) => {
    const text: string | Forms = texts[key];
    const form = typeof text === 'string' ? text : text[plural.select(Number(values['n'] ?? 0))] ?? text['other'] ?? '';
    return form.replace(/\{(\w+)\}/g, (_, name: string) => isolate(values[name], dir));
  };
  return { tag, dir, t };
}

/**
 * Keeps a Latin name or a time from being torn apart between right-to-left words (Unicode's FSI and PDI). Elsewhere it
 * would only get in the way of those who search or copy the text.
 */
function isolate(value: string | number | undefined, dir: 'ltr' | 'rtl'): string {
  if (typeof value === 'number' || dir === 'ltr') return String(value ?? '');
  return `\u2068${value ?? ''}\u2069`;
}
