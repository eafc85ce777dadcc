import test from 'node:test';
import assert from 'node:assert/strict';
import { base64url, newKeys, newNonce, publicJWK, scopeLine, sha256, sign, signedText, thumbprint } from '../protocol.js';
import type { Purpose } from '../protocol.js';
import { deviceId, issuer, sessionId, tokenId, vectorKeys, verifies } from './rig.js';
import formulas from './testdata/formulas.json';
import vectors from './testdata/signatures.json';

const time = ['1767225600', 'BwcHBwcHBwcHBwcHBwcHBw'];
const texts: Record<string, [Purpose, ...string[]]> = {
  'enroll': ['enroll', 'W65WE-3T7VI-7FBS2-A4OYA', vectors.thumbprint],
  'pending': ['pending', tokenId, deviceId],
  'claim, typed': ['claim', sessionId, tokenId, deviceId, ''],
  'claim, scanned': ['claim', sessionId, tokenId, deviceId, '7:AAAAAAAAAAAAAAAA'],
  'verify approve': ['verify', sessionId, tokenId, deviceId, 'demo', 'approve', '048291', scopeLine(['identity:name', 'identity:age_over_18']), vectors.displayHash],
  'verify deny': ['verify', sessionId, tokenId, deviceId, 'demo', 'deny', '', '', vectors.displayHash],
  'device rename': ['device-rename', tokenId, deviceId, 'Alice’s phone ✓'],
  'device ws': ['device-ws', tokenId, deviceId, ''],
};

for (const { name, text, valid } of vectors.cases.filter((c) => !c.name.startsWith('legacy'))) {
  test(`signed text: ${name}`, async () => {
    const made = texts[name];
    assert(made, `no text for the vector ${name}`);
    const [purpose, ...values] = made;
    const built = signedText(purpose, issuer, ...values, ...time);
    assert.equal(built, text);
    // The vector's own signature shows that the judge below can be trusted.
    const raw = valid.find((v) => v.form === 'raw');
    assert(raw !== undefined && verifies({ pem: vectors.publicKeyPem }, text, raw.signature));
    const { privateKey } = await vectorKeys();
    const signature = await sign(privateKey, built);
    assert.match(signature, /^[A-Za-z0-9_-]{86}$/);
    assert(verifies({ pem: vectors.publicKeyPem }, text, signature));
    assert(!verifies({ pem: vectors.publicKeyPem }, `${text}\n`, signature));
  });
}

test('a control character in a value is never signed', () => {
  for (const c of ['\n', '\r', '\t', '\u0000', '\u001f']) assert.throws(() => signedText('claim', issuer, `a${c}b`), RangeError);
});

test('thumbprint and displayHash are the vectors’', async () => {
  const { publicKey } = await vectorKeys();
  const jwk = await publicJWK(publicKey);
  assert.deepEqual(jwk, vectors.publicKeyJwk);
  assert.equal(await thumbprint(jwk), formulas.thumbprint[0]?.thumbprint);
  assert.equal(await sha256(vectors.display), vectors.displayHash);
});

test('a key made here signs, and does not leave', async () => {
  const { publicKey, privateKey } = await newKeys();
  assert.equal(privateKey.extractable, false);
  await assert.rejects(crypto.subtle.exportKey('jwk', privateKey));
  const jwk = await publicJWK(publicKey);
  assert.deepEqual(Object.keys(jwk).sort(), ['crv', 'kty', 'x', 'y']);
  assert(verifies({ jwk }, 'text', await sign(privateKey, 'text')));
});

test('a nonce is 16 bytes and never the same', () => {
  const nonces = new Set(Array.from({ length: 100 }, newNonce));
  assert.equal(nonces.size, 100);
  for (const nonce of nonces) assert.match(nonce, /^[A-Za-z0-9_-]{22}$/);
});

test('base64url has no padding and its own alphabet', () => {
  assert.equal(base64url(new Uint8Array([0xff, 0xef, 0xfe, 0xfb])), '_-_--w');
});

test('scopes are sorted on their line', () => {
  assert.equal(scopeLine(['b', 'a:z', 'B']), 'B a:z b');
  assert.equal(scopeLine([]), '');
});
