/** What the server tells of one thing that happened; web/inspector/inspector.go writes it. */
export interface Entry {
  readonly id: number;
  /** When it began: UTC, to the microsecond, so that texts sort as times do. */
  readonly at: string;
  readonly kind: 'request' | 'message' | 'device' | 'event' | 'signed' | 'closed';
  /** The sessions it has to do with. */
  readonly sessions?: readonly string[];
  readonly request?: Exchange;
  readonly message?: { readonly session: string; readonly id: number; readonly frame: Text };
  readonly device?: { readonly token: string; readonly device: string; readonly frame: Text };
  readonly event?: AuditEvent;
  readonly signed?: SignedText;
  readonly closed?: { readonly path: string; readonly millis: number; readonly code?: number; readonly reason?: string };
}

/** A body or a frame; cut when it was longer than what is kept. */
export interface Text {
  readonly text: string;
  readonly cut?: boolean;
}

/** Names and values, masked already. */
export type Headers = readonly (readonly [string, string])[];

/** A request with its answer. */
export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly path: string;
  readonly from: string;
  readonly status: number;
  readonly millis: number;
  readonly static?: boolean;
  readonly open?: boolean;
  readonly aborted?: boolean;
  readonly requestHeaders?: Headers;
  readonly requestBody?: Text;
  readonly responseHeaders?: Headers;
  readonly responseBody?: Text;
}

/** An audit event. */
export interface AuditEvent {
  readonly kind: string;
  readonly time: string;
  readonly session?: string;
  readonly service?: string;
  readonly token?: string;
  readonly device?: string;
  readonly address?: string;
  readonly detail?: string;
}

/** A text whose signature was checked. */
export interface SignedText {
  /** Standard base64 of the exact bytes. */
  readonly bytes: string;
  readonly sha256: string;
  readonly good: boolean;
}

/** Gives the bytes behind standard base64. */
export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

/** Gives the text that a phone signed. */
export function signedText(s: SignedText): string {
  return new TextDecoder().decode(bytesOf(s.bytes));
}

/** Gives all that a filter looks at, in lower case. */
export function searchable(e: Entry): string {
  const signed = e.signed ? signedText(e.signed) : '';
  return `${JSON.stringify(e)} ${headline(e)} ${signed}`.toLowerCase();
}

/** Gives an entry in a few words. */
export function headline(e: Entry): string {
  if (e.request) return `${e.request.method} ${e.request.path}`;
  if (e.message) return `${typeOf(e.message.frame)} #${e.message.id}`;
  if (e.device) return `${typeOf(e.device.frame)} to ${e.device.device}`;
  if (e.event) return [e.event.kind, e.event.detail].filter(Boolean).join(': ');
  if (e.signed) return signedText(e.signed).split(/[\n|]/, 1)[0] ?? '';
  if (e.closed) return [e.closed.code ?? 'ended', e.closed.reason, e.closed.path.split('?', 1)[0]].filter(Boolean).join(' ');
  return e.kind;
}

function typeOf(frame: Text): string {
  const type = /"type":"(\w+)"/.exec(frame.text);
  return type?.[1] ?? 'frame';
}
