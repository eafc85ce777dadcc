import test from 'node:test';
import assert from 'node:assert/strict';
import { checkDisplay, DisplayRefused, displayRows, formRows, parseDisplay, visible, visibleAddress } from '../display.js';
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

test('what could hide or turn round is made visible', () => {
  assert.equal(visible('pay\u202Eknab'), 'pay⟨U+202E⟩knab');
  assert.equal(visible('a\u0000b\u001bc\u200bd\u00ade\ufefff\u2066g\u2028h'), 'a⟨U+0000⟩b⟨U+001B⟩c⟨U+200B⟩d⟨U+00AD⟩e⟨U+FEFF⟩f⟨U+2066⟩g⟨U+2028⟩h');
  assert.equal(visible('\u{e0041}\u{f0000}\ud800'), '⟨U+E0041⟩⟨U+F0000⟩⟨U+D800⟩');
  assert.equal(visible('\u3164\u2800'), '⟨U+3164⟩⟨U+2800⟩');
  assert.equal(visible('a\u034fb\ufe0fc\u17b4d\u115fe'), 'a⟨U+034F⟩b⟨U+FE0F⟩c⟨U+17B4⟩d⟨U+115F⟩e');
  assert.equal(visible('a\nb'), 'a⟨U+000A⟩b');
  assert.equal(visible('a\nb', true), 'a\nb');
  assert.equal(visible('Žluťoučký بنك 銀行 ✓'), 'Žluťoučký بنك 銀行 ✓');
  assert.equal(visibleAddress('https://bаnk.example'), 'https://b⟨U+0430⟩nk.example');
});

test('marks cannot be piled up over what stands above', () => {
  assert.equal(visible(`x${'\u0301'.repeat(6)}y`), `x${'\u0301'.repeat(4)}⟨U+0301⟩⟨U+0301⟩y`);
  for (const text of ['Nguyê\u0303n Viê\u0323t', 'שָׁ֔לוֹם', 'ที่นี่', 'நிறுவனம்']) assert.equal(visible(text), text);
});

test('every text of a display goes through that', () => {
  const dirty = 'x\u202ey';
  const rows = rowsOf({
    issuer: dirty, service: { id: dirty, name: dirty }, origin: dirty, mode: dirty, requester: { ip: dirty, userAgent: dirty },
    operation: { name: dirty, data: dirty, form: { title: dirty, greeting: { id: dirty, message: dirty }, summary: [dirty], [dirty]: dirty,
      attributes: [dirty, { type: dirty }, ...['AMOUNT', 'HEADING', 'ALERT'].map((type) => ({ type, id: dirty, label: dirty, value: dirty, [dirty]: dirty }))] } },
    [dirty]: dirty,
  });
  for (const { label, value } of rows) assert.doesNotMatch(label + value, /\u202e/, JSON.stringify([label, value]));
  assert.equal(rows.filter((r) => r.value.includes('⟨U+202E⟩')).length >= 15, true);
});

test('a form is shown in plain text', () => {
  const rows = formRows({
    title: 'Approve a payment', greeting: { id: 'greeting', message: 'Hello' }, summary: 'You pay\n100 CZK',
    attributes: [
      { type: 'AMOUNT', id: 'amount', label: 'Amount', amount: '100.00', currency: 'CZK' },
      { type: 'KEY_VALUE', id: 'to', label: 'To', value: '238400856/0300' },
      { type: 'ALERT', id: 'a', label: 'Warning', value: 'New payee', alertType: 'WARNING' },
      { type: 'HEADING', id: 'h', label: 'Details' },
      { type: 'NEWER', id: 'n', label: 'Label', value: 1 },
      { type: 'KEY_VALUE', id: 'deep', label: 'Label', value: { deep: true } },
    ],
    extra: 7,
  });
  assert.deepEqual(rows.map(({ kind, label, value }) => [kind, label, value]), [
    ['heading', '', 'Approve a payment'], ['text', 'Greeting', 'Hello'], ['text', 'Summary', 'You pay\n100 CZK'],
    ['text', 'Amount', '100.00 CZK'], ['text', 'To', '238400856/0300'], ['alert', 'Warning', 'New payee\nalertType: WARNING'], ['heading', '', 'Details'],
    ['json', 'Attribute', '{\n "type": "NEWER",\n "id": "n",\n "label": "Label",\n "value": 1\n}'],
    ['json', 'Attribute', '{\n "type": "KEY_VALUE",\n "id": "deep",\n "label": "Label",\n "value": {\n  "deep": true\n }\n}'],
    ['json', 'extra', '7'],
  ]);
  assert.deepEqual(formRows([1]).map((r) => r.kind), ['json']);
});

test('nothing of a display is left out', () => {
  const rows = rowsOf({ operation: { name: 'pay', data: 'A1*A100CZK', more: 'm1' }, requester: { ip: 'i', userAgent: 'u', more: 'm2' }, service: { id: 'demo', name: 'N', more: 'm3' }, more: 'm4', __proto__x: 'm5' });
  const all = rows.map((r) => `${r.label}=${r.value}`).join('\n');
  for (const part of ['operation.more="m1"', 'requester.more="m2"', 'service.more="m3"', 'more="m4"', '__proto__x="m5"', 'pay', 'A1*A100CZK']) assert(all.includes(part), part);
  const proto = parseDisplay(`${JSON.stringify(base).slice(0, -1)},"__proto__":{"a":1}}`);
  assert(displayRows(proto).some((r) => r.label === '__proto__'));
});
