import type { LoginOptions } from './types.js';

/** The options with their defaults filled in. */
export interface Settings {
  readonly options: LoginOptions;
  /** Without a slash at the end. */
  readonly issuer: string;
  readonly fetch: typeof globalThis.fetch | undefined;
  readonly WebSocket: typeof globalThis.WebSocket | undefined;
  readonly sameDevice: boolean;
  /** Never given a secret: no code, token, verifier or key, and no address that holds one. */
  readonly log: (line: string) => void;
}

/** Fills in the defaults. */
export function settingsOf(options: LoginOptions): Settings {
  const fetch = options.fetch ?? globalThis.fetch;
  return {
    options,
    issuer: options.issuer.replace(/\/+$/, ''),
    // A browser's fetch refuses to be called as a method of another object.
    fetch: fetch === undefined ? undefined : (input, init) => fetch(input, init),
    WebSocket: options.WebSocket ?? globalThis.WebSocket,
    sameDevice: options.sameDevice ?? isIssuer(options.issuer),
    log: logOf(options.debug),
  };
}

function isIssuer(issuer: string): boolean {
  try {
    return new URL(issuer).origin === globalThis.location?.origin;
  } catch {
    return false; // no URL: the first request will say so
  }
}

function logOf(debug: LoginOptions['debug']): (line: string) => void {
  if (typeof debug === 'function') return debug;
  return debug ? (line) => console.debug(`countersign: ${line}`) : () => {};
}
