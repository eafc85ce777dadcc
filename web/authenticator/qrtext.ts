/**
 * What a QR code, or a text pasted in its place, may say to this app: section 6 of the protocol.
 */
import { asSigned, isOffline } from './offline.js';
import { sessionIdForm } from './protocol.js';

/** What was read. `scan` is `{t}:{c}`, or empty for a link without a moving part. */
export type Read =
  | { readonly kind: 'session'; readonly sessionId: string; readonly scan: string }
  | { readonly kind: 'enrol'; readonly code: string }
  | { readonly kind: 'offline'; readonly text: string }
  | { readonly kind: 'foreign'; readonly issuer: string }
  | { readonly kind: 'unknown' };

const moving = /^(sess_[A-Za-z0-9_-]{22})(?:\?t=(0|[1-9][0-9]{0,5})&c=([A-Za-z0-9_-]{16}))?(?:#[^\s]*)?$/;
const elsewhere = /^(https?:\/\/[^\s?#]+)\/s\/sess_[A-Za-z0-9_-]{22}(?:[?#]|$)/;

/**
 * Reads a text. Only codes of `issuer`, compared to the letter, lead anywhere: a code of another server could be shown
 * by anybody, and this phone has no key for it.
 *
 * The fragment of a link is dropped: what it hands over counts only in the browser that started the session.
 */
export function readText(text: string, issuer: string): Read {
  if (isOffline(text)) return { kind: 'offline', text: asSigned(text) };
  const plain = text.trim();
  if (plain.startsWith(`${issuer}/s/`)) {
    const m = moving.exec(plain.slice(issuer.length + '/s/'.length));
    if (m?.[1] === undefined) return { kind: 'unknown' };
    return { kind: 'session', sessionId: m[1], scan: m[2] === undefined ? '' : `${m[2]}:${m[3] ?? ''}` };
  }
  const enrolment = `${issuer}/authenticator#enroll=`;
  if (plain.startsWith(enrolment)) return { kind: 'enrol', code: plain.slice(enrolment.length) };
  const other = elsewhere.exec(plain)?.[1];
  return other === undefined ? { kind: 'unknown' } : { kind: 'foreign', issuer: other };
}

/** Where in the app an address leads. */
export type Route =
  | { readonly screen: 'home' | 'scan' | 'devices' | 'offline' }
  | { readonly screen: 'decide'; readonly sessionId: string; readonly scan: string }
  | { readonly screen: 'enrol'; readonly code: string };

/**
 * Reads the fragment of the app's own address: `#/`, `#/scan`, `#/offline`, `#/devices`, `#/s/{id}`, `#/s/{id}?h={h}` (handed over by
 * a page in this browser) and `#enroll={code}`. A moving code in an address is dropped, since no camera read it.
 */
export function readRoute(hash: string): Route {
  const enrolment = /^#enroll=(.*)$/.exec(hash);
  if (enrolment) return { screen: 'enrol', code: decode(enrolment[1] ?? '') };
  const session = /^#\/s\/([^?]+)(?:\?(.*))?$/.exec(hash);
  if (session?.[1] !== undefined && sessionIdForm.test(session[1])) {
    const h = new URLSearchParams(session[2] ?? '').get('h') ?? '';
    return { screen: 'decide', sessionId: session[1], scan: /^[A-Za-z0-9_-]{16}$/.test(h) ? `h:${h}` : '' };
  }
  if (hash === '#/scan') return { screen: 'scan' };
  if (hash === '#/offline') return { screen: 'offline' };
  if (hash === '#/devices') return { screen: 'devices' };
  return { screen: 'home' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray percent sign; the code field shows it and says what is wrong
  }
}
