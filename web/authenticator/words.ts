/**
 * Every answer of the server in plain words, for somebody who has never heard of it.
 */
import { NoAnswer, Problem } from './problem.js';
import { DisplayRefused } from './display.js';

/** What the user was doing, where that changes what an answer means. */
export type Doing = 'enrol' | 'open' | 'decide' | 'devices' | 'follow';

const always: Readonly<Record<string, string>> = {
  invalid_request: 'The login server did not understand this app. Reload the app; if that does not help, it needs an update.',
  stale_timestamp: 'This device’s clock is wrong. Set it to the right time and try again.',
  unknown_device: 'The login server does not know this device any more. It was probably revoked.',
  invalid_signature: 'The login server did not accept this device’s signature.',
  replayed: 'The login server has seen this request before. Try again.',
  session_not_found: 'This request does not exist any more. Start again on the screen where you began.',
  session_expired: 'The time is up. Start again on the screen where you began.',
  session_resolved: 'This request has already ended, perhaps because it was cancelled.',
  too_many_attempts: 'Three wrong codes have ended this request. Start again on the screen where you began.',
  not_claimed: 'This request has to be opened again.',
  already_claimed: 'Another phone has opened this request.',
  invalid_scan: 'The scanned code was too old, or none was scanned. Scan the moving code on the screen where you began.',
  display_changed: 'What is asked for has changed. Open the request again and read it anew.',
  scope_not_allowed: 'The service needs something you have switched off. Switch it on, or decline.',
  invalid_otp: 'That code is wrong.',
  invalid_key: 'The login server did not accept the key this browser made.',
  code_unknown: 'This enrolment code is wrong, was used already, or is older than 10 minutes. Ask for a new one.',
  already_enrolled: 'This key is enrolled already.',
  too_many_devices: 'You have as many devices as you may have. Revoke one on another device first; the code stays good.',
  device_not_found: 'There is no such device any more.',
  not_found: 'The login server does not offer this.',
  internal: 'Something went wrong at the login server. Try again in a while.',
  unavailable: 'The login server cannot do this at the moment. Try again in a while.',
  overloaded: 'The login server has too much to do at the moment. Try again in a while.',
};

const special: Readonly<Record<string, string>> = {
  'open unknown_device': 'This request is not for you, or this device was revoked.',
  'decide unknown_device': 'This request is not for you, or this device was revoked.',
  'decide replayed': 'Your earlier try did reach the login server, but was not accepted: the code was probably wrong. Check it and try again.',
  'devices invalid_request': 'The login server did not accept that.',
  'enrol invalid_request': 'The login server did not accept that. Check the name: it may have at most 64 characters.',
  'enrol invalid_signature': 'The login server did not accept the key. Reload the page and try again.',
};

const displays: Readonly<Record<DisplayRefused['why'], string>> = {
  hash: 'What the login server sent does not fit its own check sum, so it is not shown. Nothing was approved.',
  issuer: 'This request belongs to another login server, so it is not shown. Nothing was approved.',
  form: 'This app does not understand what the login server sent. Nothing was approved.',
};

/** Says what went wrong and what to do about it. */
export function explain(error: unknown, doing: Doing): string {
  if (error instanceof DisplayRefused) return displays[error.why];
  if (error instanceof NoAnswer) return noAnswer(doing);
  if (!(error instanceof Problem)) return `Something went wrong in this app. Reload it and try again. (${error instanceof Error ? error.message : String(error)})`;
  const { code, members } = error;
  if (code === 'locked') return `This is locked for now. ${again(members.retryAfter)}`;
  if (code === 'rate_limited') return `That was too often. ${again(members.retryAfter)}`;
  if (code === 'invalid_otp') return `That code is wrong. ${triesLeft(members.attemptsRemaining)}`;
  const said = special[`${doing} ${code}`] ?? (Object.hasOwn(always, code) ? always[code] : undefined);
  return said ?? `The login server said no (${code}).`;
}

function noAnswer(doing: Doing): string {
  if (doing === 'decide') return 'No answer came, so it is not known whether your decision arrived. Check your connection and press the same button again; it counts once.';
  if (doing === 'enrol') return 'No answer came. Check your connection and try again; if the code is not accepted then, ask for a new one.';
  return 'The login server cannot be reached. Check your connection and try again.';
}

function again(seconds: number | undefined): string {
  if (seconds === undefined) return 'Try again later.';
  if (seconds < 90) return `Try again in ${seconds} seconds.`;
  if (seconds < 90 * 60) return `Try again in ${Math.ceil(seconds / 60)} minutes.`;
  if (seconds < 48 * 3600) return `Try again in ${Math.ceil(seconds / 3600)} hours.`;
  return `Try again in ${Math.ceil(seconds / 86_400)} days.`;
}

function triesLeft(n: number | undefined): string {
  if (n === undefined) return 'Check it and try again.';
  return n === 1 ? 'You have one more try.' : `You have ${n} more tries.`;
}

const scopes: Readonly<Record<string, string>> = {
  'identity:name': 'Your name', 'identity:name_initial': 'The initial of your name', 'identity:birthdate': 'Your date of birth',
  'identity:age_over_18': 'Whether you are over 18', 'identity:age_over_21': 'Whether you are over 21', 'identity:age_over_25': 'Whether you are over 25',
  'identity:age_range': 'Your age range', 'identity:nationality': 'Your nationality', 'identity:is_eu_citizen': 'Whether you are an EU citizen',
  'identity:email': 'Your e-mail address', 'identity:phone': 'Your phone number', 'identity:address': 'Your address', 'identity:picture': 'Your picture',
  'countersign:admin': 'Operating this login server: enrolling, locking and revoking anybody', 'countersign:audit': 'Reading the records of this login server, of everybody’s logins',
  openid: 'That it is you', offline_access: 'Staying logged in while you are away',
};

/** What a scope releases, in words; undefined for one this app does not know. */
export function scopeWords(scope: string): string | undefined {
  return Object.hasOwn(scopes, scope) ? scopes[scope] : undefined;
}

/** What is left of the time, as `1:42`; rounded down, because the server rounds its ends up. */
export function clockText(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** A time of the server's in the user's own way of writing times. */
export function localTime(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}
