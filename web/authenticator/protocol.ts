/**
 * What an authenticator signs, and how: section 5 of the protocol, and nothing of the network or the screen.
 *
 * Everything here is pure but for WebCrypto. Another authenticator may take this file as it is.
 */

/** The verbs of the device interface. */
export type Verb = 'list' | 'rename' | 'revoke' | 'push' | 'lock' | 'code' | 'rotate' | 'offline' | 'methods';

/** What a text is signed for; the first line says it. */
export type Purpose = 'enroll' | 'pending' | 'claim' | 'verify' | `device-${Verb}` | 'device-ws';

/** What a user may decide. */
export type Decision = 'approve' | 'deny' | 'report';

/** A public key as it is sent. */
export interface PublicJWK {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

/** The form of the ids the server makes for sessions. */
export const sessionIdForm = /^sess_[A-Za-z0-9_-]{22}$/;

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' };
const signAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };

/** The UTF-8 of a text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Base64url without padding. */
export function base64url(bytes: ArrayBuffer | Uint8Array): string {
  const view = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  let binary = '';
  for (const b of view) binary += String.fromCharCode(b);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The bytes of base64url without padding; undefined if it is not written in the one way there is. */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
    return base64url(bytes) === text ? bytes : undefined;
  } catch {
    return undefined;
  }
}

/** 16 random bytes that make a request unlike any other. */
export function newNonce(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(16)));
}

/**
 * The text to sign: the lines joined by one line feed, without one at the end. The second line is always the issuer.
 * A control character in a value could make one line look like two, so it is refused here before the server does.
 */
export function signedText(purpose: Purpose, issuer: string, ...values: readonly string[]): string {
  const lines = [`countersign-${purpose}-v1`, issuer, ...values];
  if (lines.some((line) => /[\u0000-\u001f]/.test(line))) throw new RangeError('a control character in a signed value');
  return lines.join('\n');
}

/** Makes a key pair whose private half cannot leave this browser, not even through this program. */
export async function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(keyAlgorithm, false, ['sign']);
}

/** Signs a text: raw r‖s, 64 bytes, in base64url. */
export async function sign(key: CryptoKey, text: string): Promise<string> {
  return base64url(await crypto.subtle.sign(signAlgorithm, key, utf8(text)));
}

/** The public half, without the members that only WebCrypto wants. */
export async function publicJWK(key: CryptoKey): Promise<PublicJWK> {
  const { x, y } = await crypto.subtle.exportKey('jwk', key);
  if (x === undefined || y === undefined) throw new TypeError('not an elliptic curve key');
  return { kty: 'EC', crv: 'P-256', x, y };
}

/** The key's thumbprint (RFC 7638): the hash of its required members in alphabetical order. */
export async function thumbprint(jwk: PublicJWK): Promise<string> {
  return sha256(JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }));
}

/** Base64url SHA-256 of a text; of a display text it is the displayHash. */
export async function sha256(text: string): Promise<string> {
  return base64url(await crypto.subtle.digest('SHA-256', utf8(text)));
}

/** The scopes as they are signed: sorted by code unit and joined by one space. */
export function scopeLine(scopes: readonly string[]): string {
  return [...scopes].sort().join(' ');
}
