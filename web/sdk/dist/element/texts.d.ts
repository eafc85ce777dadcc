import en from '../../locales/en.json';
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
/** The tags of the languages there are, English first. */
export declare const languageTags: readonly string[];
/** Picks the first of the wished tags there are texts for (`fr-CA` finds `fr`); English when there is none. */
export declare function chooseLanguage(wishes: readonly (string | null | undefined)[]): Language;
/** What an element's surroundings wish: its own or its nearest ancestor's `lang`, then the browser's languages. */
export declare function wishesOf(element: Element): (string | null)[];
