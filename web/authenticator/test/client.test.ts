import test from 'node:test';
import assert from 'node:assert/strict';
import { newKeys, thumbprint } from '../protocol.js';
import type { PublicJWK } from '../protocol.js';
import { NoAnswer, Problem } from '../problem.js';
import { deviceId, fakeServer, issuer, sessionId, tokenId, vectorKeys, vectorSigner, verifies } from './rig.js';
import vectors from './testdata/signatures.json';

const stale = (serverTime?: string) => ({ status: 401, problem: { code: 'stale_timestamp', serverTime } });

test('enrol sends the public key alone and signs its thumbprint', async () => {
  const { client, seen, texts } = fakeServer(() => ({ ok: { enrolled: true, tokenId, deviceId, createdAt: '2026-01-01T00:00:00Z' } }));
  const keys = await newKeys();
  const enrolled = await client.enrol({ issuer, code: 'W65WE-3T7VI-7FBS2-A4OYA', keys, deviceName: 'Alice’s phone', platform: 'iPhone' });
  assert.equal(enrolled.deviceId, deviceId);
  const { nonce, signature, publicKeyJwk, ...rest } = seen[0]?.body ?? assert.fail();
  assert.deepEqual(rest, { enrollmentCode: 'W65WE-3T7VI-7FBS2-A4OYA', deviceName: 'Alice’s phone', platform: 'iPhone', timestamp: 1767225600 });
  assert.deepEqual(Object.keys(publicKeyJwk as object).sort(), ['crv', 'kty', 'x', 'y']);
  const text = ['countersign-enroll-v1', issuer, 'W65WE-3T7VI-7FBS2-A4OYA', await thumbprint(publicKeyJwk as PublicJWK), '1767225600', nonce].join('\n');
  assert.equal(texts[0], text);
  assert(verifies({ jwk: publicKeyJwk as object }, text, String(signature)));
});

test('every verb signs its own lines', async () => {
  const { client, seen, texts } = fakeServer(({ path }) => ({ ok: path === '/device/list' ? { devices: [], off: [] } : {} }));
  const me = await vectorSigner();
  await client.list(me);
  await client.rename(me, 'Alice’s phone ✓');
  await client.revoke(me, 'dev_x');
  await client.lock(me, 24);
  await client.newCode(me);
  await client.switchOff(me, ['passkey', 'message']);
  await client.switchOff(me, []);
  const wanted = [['list', ''], ['rename', 'Alice’s phone ✓'], ['revoke', 'dev_x'], ['lock', '24'], ['code', ''], ['methods', 'message passkey'], ['methods', '']];
  for (const [i, [verb, argument]] of wanted.entries()) {
    const { path, body } = seen[i] ?? assert.fail();
    assert.equal(path, `/device/${verb}`);
    assert.equal(body['argument'], argument);
    assert.equal(texts[i], [`countersign-device-${verb}-v1`, issuer, tokenId, deviceId, argument, body['timestamp'], body['nonce']].join('\n'));
    assert(verifies({ pem: vectors.publicKeyPem }, texts[i] ?? '', String(body['signature'])));
  }
});

test('claim and pending sign their lines', async () => {
  const { client, seen, texts } = fakeServer(() => ({ ok: { sessions: [] } }));
  const me = await vectorSigner();
  await client.pending(me);
  await client.claim(me, sessionId, '7:AAAAAAAAAAAAAAAA');
  assert.equal(texts[0], ['countersign-pending-v1', issuer, tokenId, deviceId, 1767225600, seen[0]?.body['nonce']].join('\n'));
  assert.equal(texts[1], ['countersign-claim-v1', issuer, sessionId, tokenId, deviceId, '7:AAAAAAAAAAAAAAAA', 1767225600, seen[1]?.body['nonce']].join('\n'));
  assert.equal(seen[1]?.body['scan'], '7:AAAAAAAAAAAAAAAA');
});

test('the socket’s first message is signed with an empty line', async () => {
  const { client, texts } = fakeServer(() => ({ ok: {} }));
  const message = JSON.parse(await client.hello(await vectorSigner())) as Record<string, unknown>;
  assert.deepEqual(Object.keys(message).sort(), ['deviceId', 'nonce', 'signature', 'timestamp', 'tokenId']);
  assert.equal(texts[0], ['countersign-device-ws-v1', issuer, tokenId, deviceId, '', message['timestamp'], message['nonce']].join('\n'));
});

test('both keys sign a rotation, over the same text', async () => {
  const { client, seen, texts } = fakeServer(() => ({ ok: { deviceId } }));
  const next = await newKeys();
  await client.rotate(await vectorSigner(), next);
  const { body } = seen[0] ?? assert.fail();
  const jwk = body['publicKeyJwk'] as PublicJWK;
  assert.equal(body['argument'], await thumbprint(jwk));
  assert(verifies({ pem: vectors.publicKeyPem }, texts[0] ?? '', String(body['signature'])));
  assert(verifies({ jwk }, texts[0] ?? '', String(body['newSignature'])));
});

test('a stale clock is corrected by serverTime, and stays corrected', async () => {
  const { client, seen, clock } = fakeServer(({ body }, n) => (n === 1 ? stale('2026-01-01T00:10:00Z') : { ok: { sessions: [], at: body['timestamp'] } }));
  const me = await vectorSigner();
  await client.pending(me);
  clock.now += 5000;
  await client.pending(me);
  assert.deepEqual(seen.map((s) => s.body['timestamp']), [1767225600, 1767226200, 1767226205]);
  assert.equal(new Set(seen.map((s) => s.body['nonce'])).size, 3);
});

test('a server that always says stale is asked twice', async () => {
  const { client, seen } = fakeServer(() => stale('2026-01-01T00:10:00Z'));
  await assert.rejects(client.pending(await vectorSigner()), (e: unknown) => e instanceof Problem && e.code === 'stale_timestamp');
  assert.equal(seen.length, 2);
});

test('stale without a time is not guessed at', async () => {
  const { client, seen } = fakeServer(() => stale());
  await assert.rejects(client.pending(await vectorSigner()), Problem);
  assert.equal(seen.length, 1);
});

test('problems carry what they came with', async () => {
  const { client } = fakeServer(() => ({ status: 429, retryAfter: 7, problem: { code: 'rate_limited', requestId: 'r1' } }));
  await assert.rejects(client.pending(await vectorSigner()), (e: unknown) => {
    assert(e instanceof Problem);
    assert.deepEqual(e.members, { code: 'rate_limited', status: 429, retryAfter: 7, requestId: 'r1' });
    return true;
  });
});

test('no answer, and an answer that is not the server’s, are not refusals', async () => {
  const { client } = fakeServer(() => 'lost');
  await assert.rejects(client.pending(await vectorSigner()), NoAnswer);
  const strange = fakeServer(() => ({ status: 502, problem: {} }));
  await assert.rejects(strange.client.pending(await vectorSigner()), NoAnswer);
});

test('what is left is counted by the server’s clock', async () => {
  const clock = { now: Date.parse('2026-01-01T00:00:00Z') };
  const { createClient } = await import('../client.js');
  const client = createClient({ base: issuer, now: () => clock.now,
    fetch: async () => new Response('{"sessions":[]}', { headers: { Date: 'Thu, 01 Jan 2026 00:05:00 GMT' } }) });
  await client.pending({ issuer, tokenId, deviceId, keys: await vectorKeys() });
  assert.equal(client.left('2026-01-01T00:07:00Z'), 120_000);
  clock.now += 1000;
  assert.equal(client.left('2026-01-01T00:07:00Z'), 119_000);
});
