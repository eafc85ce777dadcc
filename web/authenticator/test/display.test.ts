import test from 'node:test';
import assert from 'node:assert/strict';
import { checkDisplay, DisplayRefused, displayRows, parseDisplay } from '../display.js';
import { sha256 } from '../protocol.js';
import { issuer } from './rig.js';
import vectors from './testdata/signatures.json';

const base = { issuer, service: { id: 'demo', name: 'Acme Bank' }, scopes: [], mode: 'enter' };
const rowsOf = (more: object) => displayRows(parseDisplay(JSON.stringify({ ...base, ...more })));
const refusedFor = (why: string) => (error: unknown) => error instanceof DisplayRefused && error.why === why;

test('the vector’s display passes, with the hash computed here', async () => {
  const { display, displayHash } = await checkDisplay(vectors, issuer);
  assert.equal(displayHash, vectors.displayHash);
  assert.equal(display.origin, 'https://bank.example');
  assert.deepEqual(display.scopes, ['identity:age_over_18', 'identity:name']);
  assert.deepEqual(display.requester, { ip: '203.0.113.9', userAgent: 'Firefox on Linux', firstSeen: false, byService: false });
});

test('another hash, issuer or form is refused', async () => {
  await assert.rejects(checkDisplay({ ...vectors, display: vectors.display.replace('Acme', 'ACME') }, issuer), refusedFor('hash'));
  await assert.rejects(checkDisplay(vectors, 'https://login.example.org'), refusedFor('issuer'));
  for (const bad of ['', '[]', 'null', '{}', JSON.stringify({ ...base, scopes: 'x' }), JSON.stringify({ ...base, service: 'demo' }), JSON.stringify({ ...base, origin: 7 }),
    JSON.stringify({ ...base, scopes: [1] }), JSON.stringify({ ...base, operation: { name: 'x' } }), JSON.stringify({ ...base, requester: null }),
    JSON.stringify({ ...base, requester: { ip: '', userAgent: '', firstSeen: 'true' } }), JSON.stringify({ ...base, requester: { ip: '', userAgent: '', byService: 1 } })]) {
    await assert.rejects(checkDisplay({ display: bad, displayHash: await sha256(bad) }, issuer), refusedFor('form'), bad);
  }
});

test('the origin comes first, and its absence is said', () => {
  assert.deepEqual(rowsOf({ origin: 'https://bank.example' })[0], { kind: 'address', id: 'origin', label: 'Website that asks', value: 'https://bank.example' });
  const [none] = rowsOf({});
  assert.equal(none?.id, 'origin');
  assert.equal(none?.value, 'started by the service’s own server');
});

test('the requester is shown with whose word it is', () => {
  const requester = { ip: '203.0.113.9', userAgent: 'Firefox on Linux', firstSeen: true, byService: true };
  const rows = rowsOf({ requester });
  assert.match(rows.find((r) => r.id === 'requester')?.note ?? '', /service tells it/);
  assert.equal(rows.find((r) => r.id === 'first-seen')?.warn, true);
  const seen = rowsOf({ requester: { ...requester, firstSeen: false, byService: false } });
  assert.equal(seen.find((r) => r.id === 'first-seen'), undefined);
  assert.equal(seen.find((r) => r.id === 'requester')?.note, undefined);
});

test('every text of a display goes through that', () => {
  const dirty = 'x\u202ey';
  const rows = rowsOf({
    issuer: dirty, service: { id: dirty, name: dirty }, origin: dirty, mode: dirty, requester: { ip: dirty, userAgent: dirty },
    operation: { name: dirty, data: dirty, form: { title: dirty, greeting: { id: dirty, message: dirty }, summary: [dirty], [dirty]: dirty,
      attributes: [dirty, { type: dirty }, ...['AMOUNT', 'AMOUNT_CONVERSION', 'KEY_VALUE', 'NOTE', 'HEADING', 'ALERT', 'PARTY_INFO', 'IMAGE', 'CHOICE'].map((type) => ({
        type, id: dirty, label: { id: dirty, message: dirty }, value: dirty, amount: dirty, currency: dirty, sourceAmount: dirty, sourceCurrency: dirty, targetAmount: dirty,
        targetCurrency: dirty, format: dirty, alertType: dirty, name: dirty, description: dirty, logoUrl: dirty, websiteUrl: dirty, thumbnailUrl: dirty, originalUrl: dirty,
        selected: dirty, [dirty]: dirty, ...(type === 'CHOICE' ? { options: [{ id: dirty, label: dirty }] } : {}) }))] } },
    [dirty]: dirty,
  });
  for (const { label, value } of rows) assert.doesNotMatch(label + value, /\u202e/, JSON.stringify([label, value]));
  assert.equal(rows.filter((r) => r.value.includes('⟨U+202E⟩')).length >= 20, true);
});

test('nothing of a display is left out', () => {
  const rows = rowsOf({ operation: { name: 'pay', data: 'A1*A100CZK', more: 'm1' }, requester: { ip: 'i', userAgent: 'u', more: 'm2' }, service: { id: 'demo', name: 'N', more: 'm3' }, more: 'm4', __proto__x: 'm5' });
  const all = rows.map((r) => `${r.label}=${r.value}`).join('\n');
  for (const part of ['operation.more="m1"', 'requester.more="m2"', 'service.more="m3"', 'more="m4"', '__proto__x="m5"', 'pay', 'A1*A100CZK']) assert(all.includes(part), part);
  const proto = parseDisplay(`${JSON.stringify(base).slice(0, -1)},"__proto__":{"a":1}}`);
  assert(displayRows(proto).some((r) => r.label === '__proto__'));
});
