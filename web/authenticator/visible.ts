/**
 * Texts of unknown origin, made fit to be shown: whatever could hide in them, or make them pass for others, is visible.
 */

// Everything that has no picture of its own, or blank-looking letters: it could hide or reorder what stands beside it.
// And the fifth and further marks on one letter, which no language needs: piled up they would cover the lines above.
const hidden = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?<=\p{M}{4})\p{M}/gu;

function escape(character: string): string {
  return `⟨U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`;
}

/** A text with whatever could hide in it made visible: `a⟨U+202E⟩b`. With `lines`, line feeds stay line feeds. */
export function visible(text: string, lines = false): string {
  return text.replace(hidden, (c) => (lines && c === '\n' ? c : escape(c)));
}

/** An address with all but plain ASCII made visible, since a letter of another script can look like a Latin one. */
export function visibleAddress(text: string): string {
  return text.replace(/[^\x21-\x7e]/gu, escape);
}

/** A value as JSON text, readable, with whatever could hide in it made visible. */
export function asJSON(value: unknown): string {
  return visible(JSON.stringify(value, null, 1) ?? 'undefined', true);
}
