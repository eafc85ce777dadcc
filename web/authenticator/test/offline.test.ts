import test from 'node:test';
import assert from 'node:assert/strict';
import { encodeQR } from 'qr';
import { decodeQR } from 'qr/decode.js';
import { createAgreement } from '../agree.js';
import { dataFields } from '../data.js';
import { agreed, offlineCode, OfflineRefused, readQuestion } from '../offline.js';
import type { PublicJWK } from '../protocol.js';
import { readRoute, readText } from '../qrtext.js';
import { questionRows } from '../screens/offline.js';
import { fakeServer, issuer, memoryStore, vectorEnrolment, verifies } from './rig.js';
import vectors from './testdata/offline.json';
import signatures from './testdata/signatures.json';

const { agreement, questions } = vectors;
const signing = vectors.signing as PublicJWK;
const ecdh = { name: 'ECDH', namedCurve: 'P-256' };
const minute = (): number => 60_000;

/** The key that the vectors' phone makes codes with. */
async function codes(): Promise<CryptoKey> {
  const ours = await crypto.subtle.importKey('jwk', agreement.phone, ecdh, false, ['deriveBits']);
  const { d: _, ...server } = agreement.server;
  return agreed(ours, server as PublicJWK, agreement);
}

test('the codes of the vectors come from what both sides agree on, and the key cannot leave', async () => {
  const key = await codes();
  assert.deepEqual([key.extractable, key.usages], [false, ['sign']]);
  assert(questions.length > 0);
  for (const { text, code } of questions) assert.equal(await offlineCode(key, text), code);
});

test('what the server signed is read as it is', async () => {
  for (const { text, code: _, text: __, nonce: ___, ...want } of questions) {
    assert.deepEqual(await readQuestion(text, agreement.issuer, signing, minute), want);
  }
});

test('nothing else is', async () => {
  const text = questions[0]?.text ?? assert.fail();
  const stranger = signatures.publicKeyJwk as PublicJWK;
  const refused = async (why: string, seen: string, from = agreement.issuer, key = signing, left: (time: string) => number = minute): Promise<void> => {
    await assert.rejects(readQuestion(seen, from, key, left), (e: unknown) => e instanceof OfflineRefused && e.why === why, `${why}: ${seen}`);
  };
  await refused('forged', text.replace('A100EUR', 'A900EUR'));
  await refused('forged', text, agreement.issuer, stranger);
  await refused('forged', `${text.slice(0, text.lastIndexOf('\n'))}\n`);
  await refused('forged', `${text}A`);
  await refused('foreign', text, 'https://login.example.org');
  await refused('expired', text, agreement.issuer, signing, () => 0);
  await refused('expired', text, agreement.issuer, signing, () => NaN);
  await refused('form', `${text}\n`);
  await refused('form', text.replace('offline-v1', 'offline-v2'));
  await refused('form', text.replace('Approve a payment', 'x'.repeat(1000)));
});

test('the scanner and the field take it, however it was pasted', () => {
  const text = questions[0]?.text ?? assert.fail();
  for (const seen of [text, `${text}\n`, `\n  ${text}`, text.replaceAll('\n', '\r\n')]) assert.deepEqual(readText(seen, issuer), { kind: 'offline', text });
  assert.deepEqual(readText('countersign-offline-v1', issuer), { kind: 'unknown' });
  assert.deepEqual(readRoute('#/offline'), { screen: 'offline' });
});

test('all of it is shown', () => {
  for (const { text: _, code: __, nonce: ___, ...question } of questions) {
    const shown = questionRows(question).map((r) => `${r.label}: ${r.value}`).join('\n');
    for (const part of [question.serviceName, question.serviceId, question.name, question.title, question.data, question.issuer]) assert(shown.includes(part), `${part} in ${shown}`);
  }
  const hidden = questionRows({ ...(questions[0] ?? assert.fail()), title: 'a\u202eb' });
  assert(hidden.some((r) => r.value === 'a⟨U+202E⟩b'));
});

test('structured data are told by their names', () => {
  const fields = (text: string): string[] | undefined => dataFields(text)?.map((f) => `${f.label}: ${f.value}`);
  assert.deepEqual(fields('A1*A100.50EUR*IDE89370400440532013000,DEUTDEFF*D20260102*R42*NRent\\nfor \\*May\\*'), [
    'Amount: 100.50 EUR', 'IBAN: DE89370400440532013000, BIC DEUTDEFF', 'Date: 2026-01-02', 'Reference: 42', 'Note: Rent\nfor *May*']);
  assert.deepEqual(fields('A1*Q238400856/0300**Xnew'), ['Account: 238400856/0300', 'Text: new']);
  assert.deepEqual(fields('A12'), []);
  for (const bad of ['', 'hello', 'B1*A1EUR', 'A1A1EUR', 'A1*A1', 'A1*a1EUR', 'A1*Nx\\y', 'A1*Nx\\', 'A1*N', 'A123', 'A1*NA*NB*NC*ND*NE*NF']) assert.equal(fields(bad), undefined, bad);
});

/** A phone whose server agrees, refuses or is not there. */
async function phone(answer: (n: number) => 'agrees' | 'refuses' | 'lost') {
  const { d: _, ...server } = agreement.server;
  const rig = fakeServer((request, n) => {
    assert.equal(request.path, '/device/offline');
    assert(verifies({ jwk: signatures.publicKeyJwk }, rig.texts.at(-1) ?? '', String(request.body['signature'])));
    const how = answer(n);
    return how === 'lost' ? 'lost' : how === 'refuses' ? { status: 404, problem: { code: 'not_found' } } : { ok: { publicKeyJwk: server, signingKeyJwk: signing } };
  });
  const store = memoryStore();
  await store.save(await vectorEnrolment());
  const state = { enrolment: await store.load('') };
  const change = async (act: (present: NonNullable<typeof state.enrolment>) => Promise<NonNullable<typeof state.enrolment>>) => {
    const next = await act(state.enrolment ?? assert.fail());
    await store.save(next);
    return (state.enrolment = next);
  };
  return { ...rig, state, agreement: createAgreement(rig.client, state, change) };
}

test('a phone agrees once, and again when there was no network', async () => {
  const p = await phone((n) => (n === 1 ? 'lost' : 'agrees'));
  await p.agreement.agree();
  assert.equal(p.state.enrolment?.offline, undefined);
  await Promise.all([p.agreement.agree(), p.agreement.agree()]);
  await p.agreement.agree();
  assert.equal(p.seen.length, 2);
  const { offline } = p.state.enrolment ?? assert.fail();
  assert.deepEqual([offline?.signing, offline?.codes.extractable], [signing, false]);
  const lines = (p.texts.at(-1) ?? '').split('\n');
  assert.equal(lines[0], 'countersign-device-offline-v1');
  assert.equal(lines[4], p.seen[1]?.body['argument']);
});

test('a server that knows nothing of it is not asked again and again', async () => {
  const p = await phone(() => 'refuses');
  for (let i = 0; i < 3; i++) await p.agreement.agree();
  assert.equal(p.seen.length, 1);
  p.agreement.renew();
  await p.agreement.agree();
  assert.equal(p.seen.length, 2);
});

/** A code as a camera might see it, so many pixels for a module. */
function picture(text: string, scale: number): { width: number; height: number; data: Uint8Array } {
  const rows = encodeQR(text, 'raw', { ecc: 'low', border: 4 });
  const size = rows.length * scale;
  const data = new Uint8Array(size * size * 4).fill(255);
  for (let i = 0; i < size * size; i++) {
    if (rows[Math.floor(i / size / scale)]?.[Math.floor((i % size) / scale)] === true) data.fill(0, 4 * i, 4 * i + 3);
  }
  return { width: size, height: size, data };
}

test('this app’s own decoder reads the longest text there is, and letters that are not ASCII', () => {
  const longest = [...(questions[0]?.text ?? '').padEnd(1000, 'x')].join('');
  for (const text of [...questions.map((q) => q.text), longest]) assert.equal(decodeQR(picture(text, 4)), text);
});
