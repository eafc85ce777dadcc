/**
 * A server that answers what a test tells it to, and the key of the vectors.
 */
import { createPublicKey, verify } from 'node:crypto';
import { createClient } from '../client.js';
import type { Client, Signer } from '../client.js';
import type { Enrolment, KeyStore } from '../keys.js';
import { utf8 } from '../protocol.js';
import vectors from './testdata/signatures.json';

/** The issuer of the vectors. */
export const issuer = 'https://login.example.com';
/** The identity and device of the vectors. */
export const tokenId = 'tok_EBESExQVFhcYGRobHB0eHw';
export const deviceId = 'dev_ICEiIyQlJicoKSorLC0uLw';
/** The session of the vectors. */
export const sessionId = 'sess_AAECAwQFBgcICQoLDA0ODw';
/** The time of the vectors, in milliseconds. */
export const vectorTime = 1767225600_000;

/** One request as the server saw it. */
export interface Seen {
  readonly path: string;
  readonly body: Record<string, unknown>;
}

/** What a fake server answers: a good body, a problem, or nothing at all. */
export type Answer = { readonly ok: unknown } | { readonly problem: Record<string, unknown>; readonly status: number; readonly retryAfter?: number } | 'lost';

/** A client that talks to `answer`, with a clock that the test sets. */
export function fakeServer(answer: (request: Seen, n: number) => Answer, clock = { now: vectorTime }): { readonly client: Client; readonly seen: Seen[]; readonly texts: string[]; readonly clock: { now: number } } {
  const seen: Seen[] = [];
  const texts: string[] = [];
  const fetch = (async (url: string, init: RequestInit) => {
    const request = { path: url.slice(issuer.length), body: JSON.parse(String(init.body)) as Record<string, unknown> };
    seen.push(request);
    const a = answer(request, seen.length);
    if (a === 'lost') throw new TypeError('network');
    if ('ok' in a) return new Response(JSON.stringify(a.ok), { status: 200 });
    const headers: Record<string, string> = a.retryAfter === undefined ? {} : { 'Retry-After': String(a.retryAfter) };
    return new Response(JSON.stringify({ status: a.status, ...a.problem }), { status: a.status, headers });
  }) as typeof globalThis.fetch;
  const client = createClient({ base: issuer, fetch, now: () => clock.now, trace: ({ text }) => texts.push(text) });
  return { client, seen, texts, clock };
}

/** The vectors' key pair. */
export async function vectorKeys(): Promise<CryptoKeyPair> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const { publicKeyJwk, privateKeyJwk } = vectors;
  return {
    publicKey: await crypto.subtle.importKey('jwk', publicKeyJwk, algorithm, true, ['verify']),
    privateKey: await crypto.subtle.importKey('jwk', privateKeyJwk, algorithm, false, ['sign']),
  };
}

/** The vectors' device. */
export async function vectorSigner(): Promise<Signer> {
  return { issuer, tokenId, deviceId, keys: await vectorKeys() };
}

/** The vectors' device as the app keeps it. */
export async function vectorEnrolment(): Promise<Enrolment> {
  return { ...(await vectorSigner()), name: 'Phone', createdAt: '2026-01-01T00:00:00Z' };
}

/** Whether Node's own crypto, which shares no code with WebCrypto's wrapper here, takes a raw signature. */
export function verifies(publicKey: { readonly jwk: object } | { readonly pem: string }, text: string, signature: string): boolean {
  const key = 'pem' in publicKey ? createPublicKey(publicKey.pem) : createPublicKey({ key: publicKey.jwk, format: 'jwk' });
  const raw = Uint8Array.from(atob(signature.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  return raw.length === 64 && verify('sha256', utf8(text), { key, dsaEncoding: 'ieee-p1363' }, raw);
}

/** A store in memory that remembers every state it was in. */
export function memoryStore(): KeyStore & { readonly saved: Enrolment[] } {
  const saved: Enrolment[] = [];
  return {
    saved,
    load: async () => saved.at(-1),
    save: async (enrolment) => void saved.push(enrolment),
    forget: async () => void (saved.length = 0),
    probe: async () => undefined,
  };
}
