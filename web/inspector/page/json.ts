/** A text found inside another, made readable. */
export interface Found {
  readonly label: string;
  readonly text: string;
}

/** Writes JSON with an indent; what is none stays as it is. */
export function pretty(text: string): string {
  const value = parsed(text);
  return value === undefined ? text : JSON.stringify(value, null, 2);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Finds what is hidden in a JSON object's texts: tokens, and JSON written as a text, as `display` is. */
export function hidden(text: string): Found[] {
  const found: Found[] = [];
  seek(parsed(text), '', found);
  return found;
}

function seek(value: unknown, name: string, found: Found[]): void {
  if (typeof value === 'string') found.push(...inText(value, name));
  else if (Array.isArray(value)) for (const v of value as unknown[]) seek(v, name, found);
  else if (value !== null && typeof value === 'object') for (const [k, v] of Object.entries(value)) seek(v, k, found);
}

function inText(text: string, name: string): Found[] {
  const token = /^(ey[\w-]+)\.(ey[\w-]+)\.[\w-]+$/.exec(text);
  if (token) {
    return [
      { label: `${name}, header`, text: pretty(decode(token[1] ?? '')) },
      { label: `${name}, claims`, text: pretty(decode(token[2] ?? '')) },
    ];
  }
  return text.startsWith('{') && parsed(text) !== undefined ? [{ label: `${name}, parsed`, text: pretty(text) }] : [];
}

/** Decodes a part of a token; one that is none stays as it is. */
function decode(base64url: string): string {
  try {
    const plain = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'));
    return new TextDecoder().decode(Uint8Array.from(plain, (c) => c.charCodeAt(0)));
  } catch {
    return base64url;
  }
}
