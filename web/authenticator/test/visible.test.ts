import test from 'node:test';
import assert from 'node:assert/strict';
import { visible, visibleAddress } from '../visible.js';

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
