import test from 'node:test';
import assert from 'node:assert/strict';
import { DisplayRefused } from '../display.js';
import { NoAnswer, Problem } from '../problem.js';
import { clockText, explain, scopeWords } from '../words.js';
import type { Doing } from '../words.js';
import pages from '../../pages/texts/en.json';

const problem = (code: string, more: object = {}): Problem => new Problem({ code, status: 400, ...more });
// What a phone can be answered, by the protocol's section 5.
const codes = ['invalid_request', 'invalid_key', 'stale_timestamp', 'unknown_device', 'invalid_signature', 'session_not_found', 'code_unknown', 'replayed', 'session_resolved',
  'not_claimed', 'already_claimed', 'display_changed', 'already_enrolled', 'too_many_devices', 'session_expired', 'invalid_scan', 'invalid_otp', 'scope_not_allowed',
  'too_many_attempts', 'locked', 'rate_limited', 'internal', 'unavailable', 'overloaded', 'not_found'];

test('every code has plain words, and no code in them', () => {
  for (const doing of ['enrol', 'open', 'decide', 'devices', 'follow'] satisfies Doing[]) {
    for (const code of codes) {
      const said = explain(problem(code), doing);
      assert.match(said, /^[A-Z].*[.)]$/, code);
      assert.doesNotMatch(said, /_|said no|undefined/, code);
    }
  }
});

test('what an answer carries is said', () => {
  assert.match(explain(problem('invalid_otp', { attemptsRemaining: 2 }), 'decide'), /2 more tries/);
  assert.match(explain(problem('invalid_otp', { attemptsRemaining: 1 }), 'decide'), /one more try/);
  assert.match(explain(problem('locked', { retryAfter: 30 }), 'decide'), /30 seconds/);
  assert.match(explain(problem('locked', { retryAfter: 600 }), 'decide'), /10 minutes/);
  assert.match(explain(problem('locked', { retryAfter: 36_000 }), 'decide'), /10 hours/);
  assert.match(explain(problem('locked', { retryAfter: 2_592_000 }), 'decide'), /30 days/);
  assert.match(explain(problem('scope_not_allowed'), 'decide'), /service needs/);
  assert.match(explain(new NoAnswer(), 'decide'), /counts once/);
  assert.match(explain(new DisplayRefused('hash'), 'open'), /Nothing was approved/);
  assert.match(explain(problem('constructor'), 'open'), /said no \(constructor\)/);
});

test('scopes and times', () => {
  assert.equal(scopeWords('identity:age_over_18'), 'Whether you are over 18');
  assert.match(scopeWords('countersign:admin') ?? '', /^Operating this login server/);
  assert.match(scopeWords('countersign:audit') ?? '', /^Reading the records of this login server/);
  assert.equal(scopeWords('toString'), undefined);
  // The login page calls them the same: a user is not to wonder whether it is something else.
  const said = Object.entries(pages).filter(([key]) => key.startsWith('scope'));
  assert.ok(said.length > 10);
  for (const [key, words] of said) {
    const name = key.replace('EUC', 'EuC').replace(/^scope/, '').replace(/([a-z])(?=[A-Z0-9])/g, '$1_').toLowerCase();
    assert.equal(scopeWords(`identity:${name}`), words, key);
  }
  assert.deepEqual([102_000, 59_001, 1, 0, -5000].map(clockText), ['1:42', '0:59', '0:00', '0:00', '0:00']);
});
