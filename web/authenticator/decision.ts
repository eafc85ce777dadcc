/**
 * A decision about a claimed session, as it is signed and sent: section 5, verify.
 */
import { scopeLine } from './protocol.js';
import type { Decision } from './protocol.js';

/** A session opened on this phone, with what was shown of it. */
export interface Claimed {
  readonly sessionId: string;
  /** `service.id` of the display. */
  readonly serviceId: string;
  /** What it was claimed with: `{t}:{c}`, `h:{h}` or empty. */
  readonly scan: string;
  /** The hash this app computed of the text it showed. */
  readonly displayHash: string;
}

/** What the user decided. `code` is as typed or compared; it is not looked at if the session was scanned or handed over. */
export interface Choice {
  readonly decision: Decision;
  readonly code: string;
  readonly scopes: readonly string[];
}

/** What is added to a request, and the lines it adds to the signed text. */
export interface Verification {
  readonly lines: readonly string[];
  readonly members: {
    readonly sessionId: string;
    readonly decision: Decision;
    readonly otp: string;
    readonly grantedScopes: readonly string[];
    readonly displayHash: string;
  };
}

/** Makes the decision's part of a verify request for one identity and device. */
export function verification(claimed: Claimed, tokenId: string, deviceId: string, choice: Choice): Verification {
  const approves = choice.decision === 'approve';
  const otp = approves ? codeOf(claimed, choice) : '';
  // A refusal grants nothing, so that nothing can be read out of it.
  const grantedScopes = approves ? [...choice.scopes].sort() : [];
  return {
    lines: [claimed.sessionId, tokenId, deviceId, claimed.serviceId, choice.decision, otp, scopeLine(grantedScopes), claimed.displayHash],
    members: { sessionId: claimed.sessionId, decision: choice.decision, otp, grantedScopes, displayHash: claimed.displayHash },
  };
}

function codeOf(claimed: Claimed, choice: Choice): string {
  return claimed.scan === '' ? choice.code : `qr:${claimed.scan}`;
}

/** Six digits out of what was typed: spaces and dashes are left out, Arabic and Persian digits are taken. Else null. */
export function typedCode(text: string): string | null {
  const digits = text.replace(/[\s\p{Pd}]/gu, '').replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (d) => String(d.charCodeAt(0) & 0xf));
  return /^[0-9]{6}$/.test(digits) ? digits : null;
}

/** Whether an address is where the server may send this browser after a hand-over: its own page for this very session. */
export function goodReturn(url: string, issuer: string, sessionId: string): boolean {
  const prefix = `${issuer}/r/${sessionId}#`;
  return url.startsWith(prefix) && /^[A-Za-z0-9_-]{43}$/.test(url.slice(prefix.length));
}
