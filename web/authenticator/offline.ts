/**
 * What a phone does without a network: it shows what a server has signed into a QR code, and a code of eight digits that
 * stands for the answer. The secret behind the digits is agreed on once, while there is a network.
 *
 * Everything here is pure but for WebCrypto, as in protocol.ts.
 */
import { fromBase64url, publicJWK, utf8 } from './protocol.js';
import type { PublicJWK } from './protocol.js';

/** What this phone keeps for when it has no network. */
export interface Offline {
  /** Makes the digits; it cannot leave this browser. */
  readonly codes: CryptoKey;
  /** The key that signs what this phone is shown. */
  readonly signing: PublicJWK;
}

/** What is asked. */
export interface Question {
  readonly issuer: string;
  readonly operationId: string;
  readonly serviceId: string;
  readonly serviceName: string;
  readonly name: string;
  /** May be empty, and so may the data: a login has neither. */
  readonly title: string;
  readonly data: string;
  readonly expiresAt: string;
}

/** Why a text is not answered. */
export type OfflineRefusal = 'form' | 'foreign' | 'forged' | 'expired';

/** A text is not answered. */
export class OfflineRefused extends Error {
  constructor(readonly why: OfflineRefusal) {
    super(`refused: ${why}`);
  }
}

const format = 'countersign-offline-v1';
const lineCount = 11;
const longest = 1000;
const ecdh = { name: 'ECDH', namedCurve: 'P-256' };
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' };

/** Makes the key pair of one agreement. */
export function newAgreement(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ecdh, false, ['deriveBits']);
}

/** Comes to the secret that the server comes to as well, as a key that makes codes and nothing else. */
export async function agreed(ours: CryptoKey, theirs: PublicJWK, who: { readonly issuer: string; readonly tokenId: string; readonly deviceId: string }): Promise<CryptoKey> {
  const shared = await crypto.subtle.deriveBits({ name: 'ECDH', public: await crypto.subtle.importKey('jwk', theirs, ecdh, false, []) }, ours, 256);
  const base = await crypto.subtle.importKey('raw', shared, 'HKDF', false, ['deriveKey']);
  const info = utf8(['countersign-offline-key-v1', who.issuer, who.tokenId, who.deviceId].join('\n'));
  return crypto.subtle.deriveKey({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info }, base, { name: 'HMAC', hash: 'SHA-256', length: 256 }, false, ['sign']);
}

/** The public half of an agreement's key, and the members of an answer's keys, checked to be keys. */
export async function asPublic(key: CryptoKey | PublicJWK): Promise<PublicJWK> {
  return publicJWK(key instanceof CryptoKey ? key : await crypto.subtle.importKey('jwk', key, ecdsa, true, ['verify']));
}

/** Whether a text wants to be a question of this kind, be it good or not. */
export function isOffline(text: string): boolean {
  return asSigned(text).startsWith(`${format}\n`);
}

/** Reads a text that this phone was shown, as it came. Throws {@link OfflineRefused}; `left` gives what time a question has. */
export async function readQuestion(text: string, issuer: string, signing: PublicJWK, left: (time: string) => number): Promise<Question> {
  const lines = text.split('\n');
  const [first, from = '', operationId = '', serviceId = '', serviceName = '', name = '', title = '', data = '', expiresAt = '', , signature = ''] = lines;
  if (first !== format || lines.length !== lineCount || utf8(text).length > longest) throw new OfflineRefused('form');
  if (from !== issuer) throw new OfflineRefused('foreign');
  const raw = fromBase64url(signature);
  const key = await crypto.subtle.importKey('jwk', signing, ecdsa, false, ['verify']);
  const signed = utf8(text.slice(0, text.lastIndexOf('\n')));
  const good = raw?.length === 64 && (await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, raw, signed));
  if (!good) throw new OfflineRefused('forged');
  if (!(left(expiresAt) > 0)) throw new OfflineRefused('expired');
  return { issuer: from, operationId, serviceId, serviceName, name, title, data, expiresAt };
}

/** The eight digits by which this phone approves what a text asks. */
export async function offlineCode(codes: CryptoKey, text: string): Promise<string> {
  const mac = await crypto.subtle.sign('HMAC', codes, utf8(`countersign-offline-code-v1\n${text}`));
  return String(new DataView(mac).getBigUint64(0) % 100_000_000n).padStart(8, '0');
}

/** A text as it was pasted or scanned, with the line ends that the server signed. */
export function asSigned(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(/^\s+/, '').replace(/\s+$/, '');
}
