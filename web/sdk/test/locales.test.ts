import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { chooseLanguage, languageTags } from '../src/element/texts.js';
import type { TextKey } from '../src/element/texts.js';
import en from '../locales/en.json';

type Forms = Record<string, string>;
type Texts = Record<string, string | Forms>;

// The tests run in web/, as `npm test` does.
const read = (tag: string): Texts => JSON.parse(readFileSync(`sdk/locales/${tag}.json`, 'utf8')) as Texts;
const files = readdirSync('sdk/locales').map((f) => f.replace(/\.json$/, ''));
const placeholders = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1] ?? '').sort();

/** The plural forms a language has for the numbers that occur. */
function formsOf(tag: string): string[] {
  const rules = new Intl.PluralRules(tag);
  const numbers = [...Array(601).keys()];
  return [...new Set(numbers.map((n) => rules.select(n)))].sort();
}

function sources(): string {
  const inFolder = (folder: string): string[] => readdirSync(folder).filter((f) => f.endsWith('.ts')).map((f) => readFileSync(`${folder}/${f}`, 'utf8'));
  return [...inFolder('sdk/src/element'), ...inFolder('login')].join('\n');
}

test('every language file is spoken, and every language has a file', () => {
  assert.deepEqual([...files].sort(), [...languageTags].sort());
});

for (const tag of files) {
  const texts = read(tag);
  test(`${tag}: the same keys in the same order as in English`, () => {
    assert.deepEqual(Object.keys(texts), Object.keys(en));
  });

  test(`${tag}: the same placeholders, and no text empty`, () => {
    for (const [key, model] of Object.entries(en as Texts)) {
      const wanted = placeholders(typeof model === 'string' ? model : model['other'] ?? '');
      const text = texts[key];
      if (typeof text === 'string') {
        assert.equal(typeof model, 'string', `${key} must have plural forms`);
        assert.deepEqual(placeholders(text), wanted, key);
        assert.notEqual(text.trim(), '', key);
      } else {
        assert.deepEqual(placeholders(text?.['other'] ?? ''), wanted, key);
      }
    }
  });

  test(`${tag}: every plural form the language has, and no other`, () => {
    for (const [key, text] of Object.entries(texts)) {
      if (typeof text === 'string') continue;
      const known = new Intl.PluralRules(tag).resolvedOptions().pluralCategories;
      for (const form of [...formsOf(tag), 'other']) assert.ok(text[form], `${key} lacks ${form}`);
      for (const form of Object.keys(text)) assert.ok(known.includes(form as Intl.LDMLPluralRule), `${key}: ${form} is no form of ${tag}`);
    }
  });

  test(`${tag}: no text is left in English`, () => {
    if (tag === 'en') return;
    // Some short words are the same in two languages.
    const same = Object.entries(texts).filter(([key, text]) => JSON.stringify(text) === JSON.stringify((en as Texts)[key]) && String(text).length > 12);
    assert.deepEqual(same, []);
  });
}

/** The texts that the server says in an operation. */
function saidInOperations(): string[] {
  const code = readdirSync('../operation').filter((f) => f.endsWith('.go')).map((f) => readFileSync(`../operation/${f}`, 'utf8')).join('\n');
  return [...code.matchAll(/\bText += "(\w+)"/g)].map((m) => m[1] ?? '');
}

/** The texts that the server itself says. In its pages it writes their keys in double quotes. */
function served(): string[] {
  return [...saidInOperations(), ...[...readFileSync('pages.go', 'utf8').matchAll(/"(\w+)"/g)].map((m) => m[1] ?? '')];
}

test('every text is used, and every text used exists', () => {
  const code = sources();
  const used = [...code.matchAll(/\bt\('(\w+)'/g)].map((m) => m[1] ?? '');
  // Keys also stand in tables (`title: 'key'`) and choices (`? 'key'`), but not as the names of buttons and demos.
  const mentioned = new Set([...used, ...served(), ...[...code.matchAll(/[:?] '(\w+)'/g)].map((m) => m[1] ?? '')]);
  assert.deepEqual(Object.keys(en).filter((key) => !mentioned.has(key)), []);
  assert.ok(used.length > 20, 'the search finds nothing');
  assert.deepEqual([...used, ...saidInOperations()].filter((key) => !(key in en)), []);
  assert.ok(saidInOperations().length >= 5, 'the search in the server finds nothing');
});

test('the language is the first wish there are texts for', () => {
  assert.equal(chooseLanguage(['it', 'fr-CA', 'de']).tag, 'fr');
  assert.equal(chooseLanguage([null, undefined, '', 'DE-at']).tag, 'de');
  assert.equal(chooseLanguage(['it']).tag, 'en');
  assert.equal(chooseLanguage([]).tag, 'en');
  assert.equal(chooseLanguage(['constructor', '__proto__']).tag, 'en');
  assert.deepEqual(languageTags.filter((tag) => chooseLanguage([tag]).dir === 'rtl'), ['ar']);
});

test('plural forms and placeholders are filled in', () => {
  const say = (tag: string, key: TextKey, values: Record<string, string | number>): string => chooseLanguage([tag]).t(key, values);
  assert.equal(say('en', 'wrongCode', { n: 1 }), 'That code was wrong. 1 try left.');
  assert.equal(say('en', 'wrongCode', { n: 2 }), 'That code was wrong. 2 tries left.');
  assert.equal(say('cs', 'secondsLeft', { n: 3 }), 'Zbývají 3 sekundy.');
  assert.equal(say('cs', 'secondsLeft', { n: 30 }), 'Zbývá 30 sekund.');
  assert.equal(say('ar', 'wrongCode', { n: 2 }), 'كان الرمز خاطئًا. تبقّت محاولتان.');
  assert.equal(say('en', 'logInTo', { service: 'A {service} $& B' }), 'Log in to A {service} $& B');
});

test('names and times are isolated between right-to-left words, and only there', () => {
  assert.match(chooseLanguage(['ar']).t('limitedWait', { time: '0:40' }), /\u20680:40\u2069/);
  assert.doesNotMatch(chooseLanguage(['en']).t('limitedWait', { time: '0:40' }), /[\u2066-\u2069]/);
});
