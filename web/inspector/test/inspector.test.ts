import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curl } from '../page/curl.js';
import { headline, searchable, signedText } from '../page/entry.js';
import type { Entry, Exchange } from '../page/entry.js';
import { hidden, pretty } from '../page/json.js';
import { hexDump, labelled } from '../page/signed.js';
import { age, chosen, forget, noTraffic, stateAfter, take } from '../page/traffic.js';

const session = 'sess_0123456789abcdefghijkl';
const request: Exchange = { method: 'GET', url: 'http://localhost:8080/x', path: '/x', from: '127.0.0.1:1', status: 200, millis: 1 };

function entry(id: number, more: Partial<Entry> = {}): Entry {
  return { id, at: `2026-01-02T03:04:05.${String(id).padStart(6, '0')}Z`, kind: 'request', ...more };
}

test('lines of a signed text have the names of the protocol', () => {
  const labels = (text: string): string => labelled(text).map((l) => l.label).join(', ');
  assert.equal(labels('countersign-enroll-v1\ni\nc\nt\n1\nn'), 'purpose, issuer, enrollmentCode, thumbprint of the key, timestamp, nonce');
  assert.equal(labels('countersign-pending-v1\ni\nt\nd\n1\nn'), 'purpose, issuer, tokenId, deviceId, timestamp, nonce');
  assert.equal(labels('countersign-claim-v1\ni\ns\nt\nd\n\n1\nn'), 'purpose, issuer, sessionId, tokenId, deviceId, scan, timestamp, nonce');
  assert.equal(
    labels('countersign-verify-v1\ni\ns\nt\nd\nsvc\napprove\n123456\nidentity:name\nh\n1\nn'),
    'purpose, issuer, sessionId, tokenId, deviceId, serviceId, decision, otp, grantedScopes, displayHash, timestamp, nonce',
  );
  assert.equal(labels('countersign-device-lock-v1\ni\nt\nd\n24\n1\nn'), 'purpose, issuer, tokenId, deviceId, argument: hours, timestamp, nonce');
  assert.equal(labels('countersign-device-other-v1\ni\nt\nd\nx'), 'purpose, issuer, tokenId, deviceId, argument');
  assert.equal(labels('countersign-pending-v1\ni\nt\nd\n1\nn\nmore'), 'purpose, issuer, tokenId, deviceId, timestamp, nonce, not in the protocol');
  assert.equal(labels('countersign-toString-v1\ni\nt'), 'purpose, issuer, not in the protocol');
  assert.deepEqual(labelled(`${session}|123456|1`).map((l) => `${l.label}=${l.value}`), [
    `sessionId (version 0)=${session}`, 'otp (version 0)=123456', 'timestamp (version 0)=1',
  ]);
  assert.deepEqual(labelled('countersign-claim-v1\ni\ns\nt\nd\n\n1\nn')[5], { label: 'scan', value: '' });
});

test('bytes are shown sixteen a row', () => {
  assert.equal(hexDump(new TextEncoder().encode('countersign-v1\nis\u00e9')),
    '0000  63 6f 75 6e 74 65 72 73 69 67 6e 2d 76 31 0a 69  countersign-v1.i\n0010  73 c3 a9                                         s..');
  assert.equal(hexDump(new Uint8Array()), '');
});

test('a request becomes a command that a shell reads as it was', () => {
  assert.equal(curl(request), "curl -i \\\n  'http://localhost:8080/x'");
  const post = curl({
    ...request, method: 'POST', requestBody: { text: `{"a":"it's $HOME \`x\`\\n"}` },
    requestHeaders: [['Authorization', 'Basic shop:••••'], ['Cookie', 'login=••••'], ['Sec-Fetch-Site', 'same-origin'], ['Origin', 'https://bank.example']],
  });
  assert.equal(post, [
    'curl -i', '-X POST', "'http://localhost:8080/x'", "-u 'shop:SECRET'", "-H 'Cookie: login=SECRET'", "-H 'Origin: https://bank.example'",
    `--data-raw '{"a":"it'\\''s $HOME \`x\`\\n"}'`,
  ].join(' \\\n  '));
  assert.match(curl({ ...request, requestHeaders: [['Authorization', 'Bearer wsToken']] }), /-H 'Authorization: Bearer wsToken'/);
  assert.match(curl({ ...request, requestHeaders: [['Authorization', '••••']] }), /-H 'Authorization: SECRET'/);
  assert.match(curl({ ...request, requestBody: { text: '{', cut: true } }), /\n# the body was longer/);
  // A method is whatever a stranger sent, and a shell would run this one.
  assert.match(curl({ ...request, method: 'X`touch$IFS.here`' }), / -X 'X`touch\$IFS\.here`' /);
});

test('what is hidden in JSON is found', () => {
  const part = (value: object): string => btoa(JSON.stringify(value)).replaceAll('=', '').replaceAll('+', '-').replaceAll('/', '_');
  const jwt = `${part({ alg: 'ES256' })}.${part({ sub: 'tok', name: '???>>>' })}.c2ln`;
  assert.deepEqual(hidden(JSON.stringify({ type: 'approved', jwt, list: [{ display: '{"mode":"enter"}' }], other: 'ey.ey' })).map((f) => [f.label, JSON.parse(f.text)]), [
    ['jwt, header', { alg: 'ES256' }], ['jwt, claims', { sub: 'tok', name: '???>>>' }], ['display, parsed', { mode: 'enter' }],
  ]);
  assert.deepEqual(hidden('no JSON'), []);
  assert.equal(pretty('no JSON'), 'no JSON');
  assert.equal(pretty('{"a":1}'), '{\n  "a": 1\n}');
  assert.deepEqual(hidden('{"jwt":"eyA.eyA.a"}').map((f) => f.text), ['{ ', '{ ']); // not JSON inside: shown as it is
  assert.deepEqual(hidden('{"jwt":"eyAAA.eyA.a"}').map((f) => f.text), ['eyAAA', '{ ']); // not even base64url
});

test('entries stand where they began, and the oldest go', () => {
  const t = noTraffic();
  for (const id of [1, 3, 2, 5, 4]) assert.equal(take(t, entry(id)), undefined);
  assert.deepEqual(t.entries.map((e) => e.id), [1, 2, 3, 4, 5]);
  for (let id = 6; id <= 2000; id++) take(t, entry(id));
  assert.equal(take(t, entry(2001))?.id, 1);
  assert.equal(t.entries.length, 2000);
  forget(t);
  assert.equal(t.entries.length + t.sessions.size, 0);
});

test('sessions have the state that events tell', () => {
  const t = noTraffic();
  take(t, entry(1, { sessions: [session] }));
  assert.deepEqual(t.sessions.get(session), { id: session, service: '', state: '', since: entry(1).at });
  const event = (kind: string): Entry => entry(2, { kind: 'event', sessions: [session], event: { kind, time: '', session, service: 'demo' } });
  for (const [kind, state] of [['session.started', 'pending'], ['session.claimed', 'claimed'], ['code.wrong', 'claimed'], ['session.approved', 'approved']] as const) {
    take(t, event(kind));
    assert.equal(t.sessions.get(session)?.state, state);
  }
  assert.equal(t.sessions.get(session)?.service, 'demo');
  assert.equal(stateAfter({ kind: 'session.expired', time: '' }, 'pending'), 'expired');
});

test('the choice decides what is shown', () => {
  const c = { session: '', filter: '', statics: false };
  const file = entry(1, { request: { ...request, static: true } });
  const mine = entry(2, { sessions: [session], request });
  assert.ok(chosen(c, mine, searchable));
  assert.ok(!chosen(c, file, searchable));
  assert.ok(chosen({ ...c, statics: true }, file, searchable));
  assert.ok(chosen({ ...c, session }, mine, searchable));
  assert.ok(!chosen({ ...c, session }, entry(3, { request }), searchable));
  assert.ok(chosen({ ...c, filter: 'GET /X' }, mine, searchable));
  assert.ok(!chosen({ ...c, filter: 'elsewhere' }, mine, searchable));
});

test('entries are named in a few words, and found by what was signed', () => {
  const text = `countersign-claim-v1\nhttps://login.example\n${session}\nB\u00fcro`;
  const bytes = btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  const signed = entry(1, { kind: 'signed', signed: { bytes, sha256: '', good: true } });
  assert.equal(signedText({ bytes, sha256: '', good: true }), text);
  assert.equal(headline(signed), 'countersign-claim-v1');
  assert.ok(searchable(signed).includes('b\u00fcro'));
  assert.equal(headline(entry(1, { kind: 'message', message: { session, id: 3, frame: { text: '{"type":"approved","id":3}' } } })), 'approved #3');
  assert.equal(headline(entry(1, { kind: 'device', device: { token: 't', device: 'dev_x', frame: { text: '{"type":"gone"}' } } })), 'gone to dev_x');
  assert.equal(headline(entry(1, { kind: 'event', event: { kind: 'session.rejected', detail: 'Declined', time: '' } })), 'session.rejected: Declined');
  assert.equal(headline(entry(1, { kind: 'closed', closed: { path: '/ws/x?token=y', millis: 1, code: 4009 } })), '4009 /ws/x');
  assert.equal(headline(entry(1, { kind: 'closed', closed: { path: '/e', millis: 1 } })), 'ended /e');
  assert.equal(headline(entry(1, { request })), 'GET /x');
});

test('ages are short', () => {
  const since = '2026-01-02T03:04:05.000000Z';
  const at = (seconds: number): string => age(since, Date.parse(since) + seconds * 1000);
  assert.deepEqual([at(-5), at(59), at(60), at(3599), at(7200)], ['0 s', '59 s', '1 min', '59 min', '2 h']);
});
