import test from 'node:test';
import assert from 'node:assert/strict';
import { newKeys, thumbprint } from '../protocol.js';
import type { Enrolment } from '../keys.js';
import type { PublicJWK } from '../protocol.js';
import { NoAnswer, Problem } from '../problem.js';
import { rotate, settle } from '../rotate.js';
import { fakeServer, memoryStore, vectorEnrolment, vectorTime, verifies } from './rig.js';
import type { Answer, Seen } from './rig.js';
import vectors from './testdata/signatures.json';

const refused = { status: 401, problem: { code: 'invalid_signature' } };

/** A server that holds one key and, if it `takes` others, puts in what it is told to; `lose` says which answers get lost. */
async function rig(lose: (request: Seen) => boolean = () => false, takes = true) {
  let held: PublicJWK = vectors.publicKeyJwk as PublicJWK;
  const server = fakeServer((request): Answer => {
    const text = server.texts.at(-1) ?? '';
    if (!verifies({ jwk: held }, text, String(request.body['signature']))) return lose(request) ? 'lost' : refused;
    if (request.path === '/device/rotate' && takes) held = request.body['publicKeyJwk'] as PublicJWK;
    if (lose(request)) return 'lost';
    return request.path === '/device/list' ? { ok: { devices: [] } } : { ok: {} };
  });
  const store = memoryStore();
  await store.save(await vectorEnrolment());
  const tools = { client: server.client, store, now: () => server.clock.now };
  const load = async () => (await store.load('')) ?? assert.fail();
  const print = async (keys: CryptoKeyPair) => thumbprint((await crypto.subtle.exportKey('jwk', keys.publicKey)) as PublicJWK);
  return { server, store, tools, load, print, heldPrint: () => thumbprint(held) };
}

test('the new key takes over once the server has said yes', async () => {
  const { store, tools, load, print, heldPrint } = await rig();
  const before = await load();
  const after = await rotate(tools, before);
  assert.equal(await print(after.keys), await heldPrint());
  assert.notEqual(await print(after.keys), await print(before.keys));
  assert.equal(after.next, undefined);
  assert.equal(after.keys.privateKey.extractable, false);
  // While it was open, both were kept.
  assert.equal(store.saved.length, 3);
  assert.equal(store.saved[1]?.next, after.keys);
  assert.equal(store.saved[1]?.keys, before.keys);
});

test('the answer is lost though the server took the key: the new one is found to work', async () => {
  const { tools, load, print, heldPrint } = await rig(({ path }) => path === '/device/rotate');
  const after = await rotate(tools, await load());
  assert.equal(await print(after.keys), await heldPrint());
  assert.equal((await load()).next, undefined);
});

test('nothing can be reached any more: both keys stay, and the next start finds out', async () => {
  let dead = false;
  const { tools, load, print, heldPrint } = await rig(({ path }) => (dead ||= path === '/device/rotate'));
  await assert.rejects(rotate(tools, await load()), NoAnswer);
  const open = await load();
  assert(open.next !== undefined);
  await assert.rejects(settle(tools, open), NoAnswer);
  assert.equal((await load()).next, open.next);
  dead = false;
  const settled = await settle(tools, open);
  assert.equal(await print(settled.keys), await heldPrint());
  assert.equal((await load()).next, undefined);
});

test('the request never arrived: both stay while it still may, then the old one is kept', async () => {
  const { server, tools, load, print } = await rig(({ path }) => path === '/device/rotate', false);
  const before = await load();
  await assert.rejects(rotate(tools, before), NoAnswer);
  const open = await load();
  assert(open.next !== undefined, 'the new key was thrown away though the request may still arrive');
  assert.equal(await print(open.keys), await print(before.keys));
  server.clock.now += 30_000;
  assert((await settle(tools, open)).next !== undefined);
  server.clock.now += 61_000;
  const settled = await settle(tools, open);
  assert.equal(settled.next, undefined);
  assert.equal(await print(settled.keys), await print(before.keys));
});

test('trying again sends the same new key', async () => {
  let lost = true;
  const { server, tools, load } = await rig(({ path }) => lost && path === '/device/rotate', false);
  await assert.rejects(rotate(tools, await load()), NoAnswer);
  lost = false;
  await rotate(tools, await load());
  const sent = server.seen.filter((s) => s.path === '/device/rotate').map((s) => s.body['argument']);
  assert.equal(sent.length, 2);
  assert.equal(sent[0], sent[1]);
});

test('a refusal keeps the old key at once', async () => {
  const store = memoryStore();
  const before = await vectorEnrolment();
  await store.save(before);
  const { client } = fakeServer(() => ({ status: 429, problem: { code: 'locked' } }));
  await assert.rejects(rotate({ client, store, now: () => vectorTime }, before), Problem);
  const after = await store.load('');
  assert.equal(after?.keys, before.keys);
  assert.equal(after?.next, undefined);
});

test('an earlier try that comes through between two questions is found out', async () => {
  const store = memoryStore();
  const next = await newKeys();
  const open: Enrolment = { ...(await vectorEnrolment()), next, nextSent: vectorTime };
  await store.save(open);
  // The new key is not taken yet, then the old one is no good any more, then the new one is.
  const answers: Answer[] = [refused, refused, { ok: { devices: [] } }];
  const { client, seen } = fakeServer((_, n) => answers[n - 1] ?? assert.fail());
  const after = await rotate({ client, store, now: () => vectorTime }, open);
  assert.deepEqual(seen.map((s) => s.path), ['/device/list', '/device/rotate', '/device/list']);
  assert.equal(after.keys, next);
  assert.equal((await store.load(''))?.keys, next);
});

test('without a rotation left open nothing is asked', async () => {
  const { server, tools, load } = await rig();
  await settle(tools, await load());
  assert.equal(server.seen.length, 0);
});

test('what was agreed on for when there is no network ends with the key, and with nothing else', async () => {
  const offline = { codes: (await newKeys()).privateKey, signing: vectors.publicKeyJwk as PublicJWK };
  const taken = await rig();
  const after = await rotate(taken.tools, { ...(await taken.load()), offline });
  assert.equal(after.offline, undefined);
  const refuses = await rig(undefined, false);
  refuses.server.clock.now = vectorTime;
  const before: Enrolment = { ...(await refuses.load()), offline, next: await newKeys(), nextSent: 0 };
  assert.equal((await settle(refuses.tools, before)).offline, offline);
});
