import test from 'node:test';
import assert from 'node:assert/strict';
import { createDecide } from '../decide.js';
import { goodReturn, typedCode, verification } from '../decision.js';
import type { Claimed } from '../decision.js';
import { NoAnswer, Problem } from '../problem.js';
import { deviceId, fakeServer, issuer, sessionId, tokenId, vectorSigner, verifies } from './rig.js';
import type { Answer } from './rig.js';
import vectors from './testdata/signatures.json';

const claimed: Claimed = { sessionId, serviceId: 'demo', scan: '', displayHash: vectors.displayHash };
const scopes = ['identity:name', 'identity:age_over_18'];
const sorted = ['identity:age_over_18', 'identity:name'];
const approve = { decision: 'approve', code: '048291', scopes } as const;
const me = await vectorSigner();
const signer = () => me;
const at = { now: 1767225600_000 };
const noWait = (): Promise<void> => Promise.resolve();
const approved: Answer = { ok: { status: 'approved', sessionId } };

test('the decision of every path', () => {
  const of = (scan: string, decision: 'approve' | 'deny' | 'report', code = '048291') => {
    const { lines, members } = verification({ ...claimed, scan }, tokenId, deviceId, { decision, code, scopes });
    assert.deepEqual(lines, [sessionId, tokenId, deviceId, 'demo', decision, members.otp, members.grantedScopes.join(' '), vectors.displayHash]);
    return members;
  };
  assert.deepEqual(of('', 'approve'), { sessionId, decision: 'approve', otp: '048291', grantedScopes: sorted, displayHash: vectors.displayHash });
  assert.equal(of('7:AAAAAAAAAAAAAAAA', 'approve', '').otp, 'qr:7:AAAAAAAAAAAAAAAA');
  assert.equal(of('h:3_cefSWZWD3xCYmV', 'approve', '').otp, 'qr:h:3_cefSWZWD3xCYmV');
  for (const decision of ['deny', 'report'] as const) {
    for (const scan of ['', '7:AAAAAAAAAAAAAAAA', 'h:3_cefSWZWD3xCYmV']) {
      const { otp, grantedScopes } = of(scan, decision);
      assert.deepEqual([otp, grantedScopes], ['', []]);
    }
  }
});

test('what is sent is what was signed, and it is the vector’s text', async () => {
  const { client, seen, texts } = fakeServer(() => approved, at);
  await createDecide(client, signer, claimed, noWait)(approve);
  const { path, body } = seen[0] ?? assert.fail();
  assert.equal(path, '/auth/verify');
  const { signature, nonce, timestamp, ...rest } = body;
  assert.deepEqual(rest, { tokenId, deviceId, sessionId, decision: 'approve', otp: '048291', grantedScopes: sorted, displayHash: vectors.displayHash });
  const vector = vectors.cases.find((c) => c.name === 'verify approve')?.text ?? assert.fail();
  assert.equal(texts[0]?.replace(String(nonce), 'BwcHBwcHBwcHBwcHBwcHBw'), vector);
  assert.equal(timestamp, 1767225600);
  assert(verifies({ pem: vectors.publicKeyPem }, texts[0] ?? '', String(signature)));
});

test('a lost answer is asked for again with the identical request', async () => {
  const { client, seen } = fakeServer((_, n) => (n < 3 ? 'lost' : approved));
  const decided = await createDecide(client, signer, claimed, noWait)(approve);
  assert.equal(decided.status, 'approved');
  assert.equal(seen.length, 3);
  assert.deepEqual(seen[1], seen[0]);
  assert.deepEqual(seen[2], seen[0]);
});

test('a failing server is asked again in the same way', async () => {
  const { client, seen } = fakeServer((_, n) => (n === 1 ? { status: 503, problem: { code: 'unavailable' } } : approved));
  await createDecide(client, signer, claimed, noWait)(approve);
  assert.deepEqual(seen[1], seen[0]);
});

test('pressing again after no answer repeats; another decision is signed anew', async () => {
  let lost = true;
  const { client, seen } = fakeServer(() => (lost ? 'lost' : approved));
  const decide = createDecide(client, signer, claimed, noWait);
  await assert.rejects(decide(approve), NoAnswer);
  lost = false;
  await decide(approve);
  assert.deepEqual(seen[3], seen[0]);
  lost = true;
  await assert.rejects(decide(approve), NoAnswer);
  lost = false;
  await decide({ ...approve, code: '000000' });
  assert.notEqual(seen.at(-1)?.body['nonce'], seen.at(-2)?.body['nonce']);
});

test('a wrong code is not repeated, and the same code typed again is signed anew', async () => {
  const { client, seen } = fakeServer(() => ({ status: 403, problem: { code: 'invalid_otp', attemptsRemaining: 2 } }));
  const decide = createDecide(client, signer, claimed, noWait);
  const wrong = (error: unknown) => error instanceof Problem && error.code === 'invalid_otp' && error.members.attemptsRemaining === 2;
  await assert.rejects(decide(approve), wrong);
  assert.equal(seen.length, 1);
  await assert.rejects(decide(approve), wrong);
  assert.notEqual(seen[1]?.body['nonce'], seen[0]?.body['nonce']);
});

test('a clock that is off is put right once', async () => {
  const { client, seen } = fakeServer(({ body }) => (body['timestamp'] === 1767229200 ? approved : { status: 401, problem: { code: 'stale_timestamp', serverTime: '2026-01-01T01:00:00Z' } }));
  const decide = createDecide(client, signer, claimed, noWait);
  await decide(approve);
  assert.deepEqual(seen.map((s) => s.body['timestamp']), [1767225600, 1767229200]);
  assert.notEqual(seen[1]?.body['nonce'], seen[0]?.body['nonce']);
});

test('an answer lost after the clock was put right is asked for with the identical request', async () => {
  const { client, seen } = fakeServer((_, n) => (n === 1 ? { status: 401, problem: { code: 'stale_timestamp', serverTime: '2026-01-01T01:00:00Z' } } : n <= 4 ? { status: 503, problem: { code: 'unavailable' } } : approved));
  const decide = createDecide(client, signer, claimed, noWait);
  await assert.rejects(decide(approve), NoAnswer);
  await decide(approve);
  assert.equal(seen.length, 5);
  assert.deepEqual(seen[4], seen[1]);
});

test('codes as people type them', () => {
  for (const typed of ['048291', ' 048 291 ', '048-291', '٠٤٨٢٩١', '۰۴۸۲۹۱']) assert.equal(typedCode(typed), '048291', typed);
  for (const typed of ['', '04829', '0482911', '04829a', '0.48291', '４８２９１３']) assert.equal(typedCode(typed), null, typed);
});

test('only the issuer’s own page for this session is returned to', () => {
  const code = 'A'.repeat(43);
  assert(goodReturn(`${issuer}/r/${sessionId}#${code}`, issuer, sessionId));
  for (const bad of [`https://evil.example/r/${sessionId}#${code}`, `${issuer}.evil.example/r/${sessionId}#${code}`, `${issuer}/r/sess_other#${code}`, `${issuer}/r/${sessionId}`,
    `${issuer}/r/${sessionId}#${code}x`, `${issuer}/r/${sessionId}?x#${code}`, `${issuer}/r/../x#${code}`, `javascript:alert(1)//${issuer}/r/`]) {
    assert(!goodReturn(bad, issuer, sessionId), bad);
  }
});
