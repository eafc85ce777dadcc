import test from 'node:test';
import assert from 'node:assert/strict';
import { formRows } from '../form.js';
import type { FormWords } from '../form.js';

/** The rows of attributes: kind, label and value. */
const shown = (...attributes: unknown[]) => formRows({ attributes }).map(({ kind, label, value }) => [kind, label, value]);

test('a form is shown in plain text', () => {
  const rows = formRows({
    title: 'Approve a payment', greeting: { id: 'greeting', message: 'Hello' }, summary: 'You pay\n100 CZK',
    attributes: [
      { type: 'AMOUNT', id: 'amount', label: 'Amount', amount: '100.00', currency: 'CZK' },
      { type: 'KEY_VALUE', id: 'to', label: 'To', value: '238400856/0300' },
      { type: 'ALERT', id: 'a', label: 'New payee', value: 'You have not paid here before.', alertType: 'WARNING' },
      { type: 'HEADING', id: 'h', label: 'Details' },
      { type: 'NEWER', id: 'n', label: 'Label', value: 1 },
      { type: 'KEY_VALUE', id: 'deep', label: 'Label', value: { deep: true } },
    ],
    extra: 7,
  });
  assert.deepEqual(rows.map(({ kind, label, value }) => [kind, label, value]), [
    ['heading', '', 'Approve a payment'], ['text', 'Greeting', 'Hello'], ['text', 'Summary', 'You pay\n100 CZK'],
    ['text', 'Amount', '100.00 CZK'], ['text', 'To', '238400856/0300'], ['alert', 'Warning: New payee', 'You have not paid here before.'], ['heading', '', 'Details'],
    ['json', 'Attribute', '{\n "type": "NEWER",\n "id": "n",\n "label": "Label",\n "value": 1\n}'],
    ['json', 'Attribute', '{\n "type": "KEY_VALUE",\n "id": "deep",\n "label": "Label",\n "value": {\n  "deep": true\n }\n}'],
    ['json', 'extra', '7'],
  ]);
  assert.deepEqual(formRows([1]).map((r) => r.kind), ['json']);
});

test('each kind is shown, with a label of the service’s or one for want of it', () => {
  assert.deepEqual(shown(
    { type: 'AMOUNT', amount: '1', currency: 'EUR' },
    { type: 'AMOUNT', label: { id: 'a', message: 'Sum' }, amount: '1', currency: 'EUR' },
    { type: 'AMOUNT_CONVERSION', sourceAmount: '100', sourceCurrency: 'EUR', targetAmount: '2500', targetCurrency: 'CZK' },
    { type: 'KEY_VALUE', id: 'k', value: 'v' },
    { type: 'KEY_VALUE', label: 'To', value: { id: 'x', message: 'one\ntwo' }, format: 'ACCOUNT' },
    { type: 'NOTE', value: 'n' },
    { type: 'HEADING', label: { id: 'h', message: 'H' } },
    { type: 'ALERT', value: 'a' },
    { type: 'PARTY_INFO', name: 'Bob', description: 'Shoes', websiteUrl: 'https://bob.example', logoUrl: 'https://b\u0430b.example' },
    { type: 'IMAGE', label: 'Shoes', thumbnailUrl: 'https://bob.example/s.png', originalUrl: 'https://bob.example/l.png' },
    { type: 'CHOICE', label: 'From', options: [{ id: 'a', label: 'Everyday' }, { id: 'b', label: { id: 'x', message: 'Savings' } }], selected: 'b' },
  ), [
    ['text', 'Amount', '1 EUR'], ['text', 'Sum', '1 EUR'], ['text', 'Conversion', '100 EUR → 2500 CZK'], ['text', 'k', 'v'], ['text', 'To', 'one\ntwo'], ['text', 'Note', 'n'],
    ['heading', '', 'H'], ['alert', 'Information', 'a'], ['text', 'Party', 'Bob\nShoes\nWebsite: https://bob.example\nLogo: https://b⟨U+0430⟩b.example'],
    ['address', 'Shoes', 'https://bob.example/s.png\nhttps://bob.example/l.png'], ['text', 'From', '· Everyday\n✓ Savings'],
  ]);
});

test('alerts that warn stand out, and what is not settled or not shown is said', () => {
  const warns = ['SUCCESS', 'INFO', 'WARNING', 'ERROR'].map((alertType) => formRows({ attributes: [{ type: 'ALERT', value: 'a', alertType }] })[0]);
  assert.deepEqual(warns.map((r) => [r?.label, r?.warn === true]), [['Success', false], ['Information', false], ['Warning', true], ['Error', true]]);
  const conversion = { type: 'AMOUNT_CONVERSION', sourceAmount: '1', sourceCurrency: 'EUR', targetAmount: '2', targetCurrency: 'CZK' };
  assert.equal(formRows({ attributes: [{ ...conversion, dynamic: true }] })[0]?.note, 'The rate may still change.');
  assert.equal(formRows({ attributes: [{ ...conversion, dynamic: false }] })[0]?.note, undefined);
  assert.match(formRows({ attributes: [{ type: 'IMAGE', thumbnailUrl: 'https://a.example' }] })[0]?.note ?? '', /not loaded/);
});

test('what is not known of a known kind is shown as it is', () => {
  assert.deepEqual(shown(
    { type: 'ALERT', value: 'a', alertType: 'PANIC', more: 1.5 },
    { type: 'KEY_VALUE', label: 'l', value: 'v', format: 'HTML' },
    { type: 'CHOICE', options: [{ id: '__proto__', label: 'a' }], selected: 'toString' },
    { type: 'HEADING', label: 'h', value: 'v' },
  ), [
    ['alert', 'Information', 'a\nalertType: PANIC\nmore: 1.5'], ['text', 'l', 'v\nformat: HTML'], ['text', 'Choice', '· a\nselected: toString'], ['heading', '', 'h\nvalue: v'],
  ]);
  const unread = [null, 'a', { type: 'constructor' }, { type: 'AMOUNT', amount: '1' }, { type: 'NOTE' }, { type: 'NOTE', value: ['a'] }, { type: 'NOTE', value: 'a', label: 1 },
    { type: 'NOTE', value: 'a', more: {} }, { type: 'KEY_VALUE', value: 'a' }, { type: 'HEADING' }, { type: 'CHOICE' }, { type: 'CHOICE', options: [{ id: 'a', label: 'b', more: 1 }] },
    { type: 'IMAGE', thumbnailUrl: 1 }, { type: 'PARTY_INFO', description: 'a' }, { type: 'NOTE', value: 'a', id: {} }];
  for (const attribute of unread) assert.deepEqual(shown(attribute), [['json', 'Attribute', JSON.stringify(attribute, null, 1)]]);
});

test('what is said beside a form’s own words can be said in others', () => {
  const words = ['form', 'greeting', 'summary', 'attribute', 'amount', 'conversion', 'note', 'success', 'information', 'warning', 'error', 'party', 'website', 'logo',
    'picture', 'choice', 'rateMayChange', 'notLoaded'] as const;
  const say = { ...Object.fromEntries(words.map((w) => [w, `<${w}>`])), named: (name: string, text: string) => `${name}=${text}` } as FormWords;
  const at = 'https://shop.example/';
  const attributes = [
    { type: 'AMOUNT', amount: '1', currency: 'EUR' }, { type: 'AMOUNT_CONVERSION', sourceAmount: '1', sourceCurrency: 'EUR', targetAmount: '2', targetCurrency: 'CZK', dynamic: true },
    { type: 'NOTE', value: 'n' }, ...['SUCCESS', 'INFO', 'WARNING', 'ERROR'].map((alertType) => ({ type: 'ALERT', alertType, label: 'l', value: 'v' })), { type: 'ALERT', value: 'v' },
    { type: 'PARTY_INFO', name: 'p', websiteUrl: at, logoUrl: at }, { type: 'IMAGE', thumbnailUrl: at }, { type: 'CHOICE', options: [] }, { type: 'NEWER' },
  ];
  const lines = [...formRows({ title: 't', greeting: 'g', summary: 's', attributes }, say), ...formRows(7, say)].map((r) => [r.label, r.value, r.note ?? ''].join(' '));
  assert.deepEqual(words.filter((w) => !lines.some((line) => line.includes(`<${w}>`))), []);
  assert.deepEqual(lines.slice(6, 8), ['<success>=l v ', '<information>=l v ']);
  assert.doesNotMatch(lines.join('\n'), /Amount|Website|Picture|Warning|rate may|not loaded/);
});
