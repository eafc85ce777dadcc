/** What {@link h} can set: attributes by name, `false` and `undefined` leaving one out, and `part` naming it for CSS. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;
/** Anything that can stand inside an element; empty things are left out. */
export type Child = Node | string | false | undefined;
/** Makes an element with attributes and children. */
export declare function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes?: Attributes, ...children: Child[]): HTMLElementTagNameMap[K];
/** A button that does something when pressed; `name` is its part and how focus finds it again. */
export declare function button(name: string, kind: 'primary' | 'secondary' | 'quiet', text: string, press: () => void): HTMLButtonElement;
/** Sets a text only when it differs, so that nothing is announced or repainted for nothing. */
export declare function setText(element: Element, text: string): void;
/** What an icon can say. */
export type Sign = 'yes' | 'no' | 'time' | 'note';
/** Draws the sign of an end state. The words beside it say the same, so it is hidden from assistive technology. */
export declare function icon(sign: Sign): HTMLElement;
