import type { AuditEvent, Entry } from './entry.js';

/** How many entries the page keeps, as the server does. */
const keep = 2000;

/** A session as the list shows it. */
export interface Session {
  readonly id: string;
  service: string;
  /** A state of the protocol, or empty while no event told one. */
  state: string;
  readonly since: string;
}

/** All that was heard, oldest first, and the sessions in it, newest first. */
export interface Traffic {
  readonly entries: Entry[];
  readonly sessions: Map<string, Session>;
}

/** Makes a traffic without anything. */
export function noTraffic(): Traffic {
  return { entries: [], sessions: new Map() };
}

/** Forgets everything. */
export function forget(t: Traffic): void {
  t.entries.length = 0;
  t.sessions.clear();
}

/**
 * Takes an entry in and gives the one it had to forget for it, if any. Entries
 * come when they are over, and stand where they began.
 */
export function take(t: Traffic, e: Entry): Entry | undefined {
  let at = t.entries.length;
  while (at > 0 && before(e, t.entries[at - 1])) at--;
  t.entries.splice(at, 0, e);
  for (const id of e.sessions ?? []) meet(t, id, e);
  return t.entries.length > keep ? t.entries.shift() : undefined;
}

/** Says whether a stands before b. */
export function before(a: Entry, b: Entry | undefined): boolean {
  return b !== undefined && (a.at < b.at || (a.at === b.at && a.id < b.id));
}

function meet(t: Traffic, id: string, e: Entry): void {
  const s = t.sessions.get(id) ?? { id, service: '', state: '', since: e.at };
  t.sessions.set(id, s);
  if (e.event?.session === id) {
    s.service = e.event.service || s.service;
    s.state = stateAfter(e.event, s.state);
  }
  while (t.sessions.size > keep) t.sessions.delete(t.sessions.keys().next().value ?? '');
}

/** Gives the state of a session after an event. */
export function stateAfter(e: AuditEvent, state: string): string {
  switch (e.kind) {
    case 'session.started':
      return 'pending';
    case 'session.claimed':
    case 'session.approved':
    case 'session.rejected':
    case 'session.expired':
    case 'session.cancelled':
      return e.kind.slice('session.'.length);
    default:
      return state;
  }
}

/** What the timeline shows. */
export interface Choice {
  /** A session's id; empty: all traffic. */
  session: string;
  filter: string;
  statics: boolean;
}

/** Says whether an entry is shown; text is what the filter looks at. */
export function chosen(c: Choice, e: Entry, text: (e: Entry) => string): boolean {
  if (e.request?.static && !c.statics) return false;
  if (c.session !== '' && !(e.sessions ?? []).includes(c.session)) return false;
  return c.filter === '' || text(e).includes(c.filter.toLowerCase());
}

/** Gives an age in words that are short. */
export function age(since: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(since)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}
