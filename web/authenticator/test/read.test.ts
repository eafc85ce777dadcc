import test from 'node:test';
import assert from 'node:assert/strict';
import { normaliseCode } from '../enrolmentcode.js';
import { readRoute, readText } from '../qrtext.js';
import { issuer, sessionId } from './rig.js';
import codes from './testdata/enrollment-codes.json';
import formulas from './testdata/formulas.json';

const link = `${issuer}/s/${sessionId}`;

test('a moving QR code gives session and scan', () => {
  for (const { t, c } of formulas.qr) {
    assert.deepEqual(readText(`${link}?t=${t}&c=${c}`, issuer), { kind: 'session', sessionId, scan: `${t}:${c}` });
  }
  assert.deepEqual(readText(`  ${link}?t=7&c=AAAAAAAAAAAAAAAA\n`, issuer), { kind: 'session', sessionId, scan: '7:AAAAAAAAAAAAAAAA' });
});

test('a link without a moving part opens the session without a scan', () => {
  assert.deepEqual(readText(link, issuer), { kind: 'session', sessionId, scan: '' });
  assert.deepEqual(readText(`${link}#h=AAAAAAAAAAAAAAAA`, issuer), { kind: 'session', sessionId, scan: '' });
});

test('a code of another server is refused by name', () => {
  for (const other of ['https://login.example.org', 'http://login.example.com', 'https://login.example.com:444', 'https://login.example.com.evil.example',
    'https://login.example.com@evil.example', 'https://evil.example/https://login.example.com', 'https://login.example.com/x', 'https://LOGIN.example.com']) {
    assert.deepEqual(readText(`${other}/s/${sessionId}?t=1&c=AAAAAAAAAAAAAAAA`, issuer), { kind: 'foreign', issuer: other });
  }
});

test('garbage is no code', () => {
  for (const text of ['', 'hello', issuer, `${issuer}/`, `${issuer}/s/`, `${issuer}/s/sess_short?t=1&c=AAAAAAAAAAAAAAAA`, `${link}x`, `${link}/`, `${link}?t=1`,
    `${link}?c=AAAAAAAAAAAAAAAA&t=1`, `${link}?t=01&c=AAAAAAAAAAAAAAAA`, `${link}?t=-1&c=AAAAAAAAAAAAAAAA`, `${link}?t=1234567&c=AAAAAAAAAAAAAAAA`,
    `${link}?t=1&c=AAAAAAAAAAAAAAA`, `${link}?t=1&c=AAAAAAAAAAAAAAAA&x=1`, `${link}?t=1&c=AAAAAAAAAAAAAAA%41`, `${link}?t=1&c=AAAAAAAA\nAAAAAAAA`, 'javascript:alert(1)']) {
    assert.deepEqual(readText(text, issuer), { kind: 'unknown' }, text);
  }
});

test('an enrolment link is told apart', () => {
  assert.deepEqual(readText(`${issuer}/authenticator#enroll=W65WE-3T7VI-7FBS2-A4OYA`, issuer), { kind: 'enrol', code: 'W65WE-3T7VI-7FBS2-A4OYA' });
});

test('addresses within the app', () => {
  assert.deepEqual(readRoute(''), { screen: 'home' });
  assert.deepEqual(readRoute('#/nowhere'), { screen: 'home' });
  assert.deepEqual(readRoute('#/scan'), { screen: 'scan' });
  assert.deepEqual(readRoute('#/devices'), { screen: 'devices' });
  assert.deepEqual(readRoute('#enroll=w65we%203t7vi'), { screen: 'enrol', code: 'w65we 3t7vi' });
  assert.deepEqual(readRoute('#enroll=%'), { screen: 'enrol', code: '%' });
  assert.deepEqual(readRoute(`#/s/${sessionId}`), { screen: 'decide', sessionId, scan: '' });
  assert.deepEqual(readRoute(`#/s/${sessionId}?h=3_cefSWZWD3xCYmV`), { screen: 'decide', sessionId, scan: 'h:3_cefSWZWD3xCYmV' });
  assert.deepEqual(readRoute('#/s/sess_x'), { screen: 'home' });
});

test('a moving code in the app’s own address does not count', () => {
  assert.deepEqual(readRoute(`#/s/${sessionId}?t=1&c=AAAAAAAAAAAAAAAA`), { screen: 'decide', sessionId, scan: '' });
  assert.deepEqual(readRoute(`#/s/${sessionId}?h=1:AAAAAAAAAAAAAA`), { screen: 'decide', sessionId, scan: '' });
});

test('enrolment codes in every way people type them', () => {
  const code = 'W65WE-3T7VI-7FBS2-A4OYA';
  for (const typed of [code, code.toLowerCase(), code.replaceAll('-', ''), ' w65we 3t7vi 7fbs2 a4oya ', 'w65we–3t7vi—7fbs2−a4oya', 'W65WE3-T7VI7-FBS2A-4OYA',
    `${issuer}/authenticator#enroll=${code}`]) {
    assert.deepEqual(normaliseCode(typed), { ok: true, code }, typed);
  }
  assert.deepEqual(normaliseCode('  '), { ok: true, code: '' });
});

test('enrolment codes of the vectors', () => {
  for (const { code } of codes.valid) assert.deepEqual(normaliseCode(code), { ok: true, code });
  for (const code of codes.invalid.filter((c) => c !== '')) assert.equal(normaliseCode(code).ok, false, code);
});

test('what is wrong with a code is said', () => {
  assert.deepEqual(normaliseCode('W65WE-3T7VI-7FBS2-A4OY'), { ok: false, why: 'length' });
  assert.deepEqual(normaliseCode('W65WE-3T7VI-7FBS2-A4O1A'), { ok: false, why: 'letters' });
  assert.deepEqual(normaliseCode('W65WF-3T7VI-7FBS2-A4OYA'), { ok: false, why: 'checksum' });
  assert.deepEqual(normaliseCode('W65WE-3T7VI-7FBS2-A4OYB'), { ok: false, why: 'checksum' });
});
