import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agree, termsOf } from '../consent.js';
import type { Course } from '../takers.js';
import { LoginError } from '../../sdk/src/errors.js';
import { at, failure, onward, over, reply, rig, wrongStep } from './rig.js';
import type { Rig } from './rig.js';

const terms = { text: 'Acme Bank keeps your data.', version: '2026-01', language: 'en', options: [{ id: 'news', text: 'Send me news.', required: false, value: true }] };

/** What an answer to the terms works with, on the rig's page. */
function course({ authn, flow, shown }: Rig): Course {
  return {
    authn, scopes: { asked: [], off: new Set() }, others: [], back: undefined, backText: 'notYou', pressed: false, show: () => void shown.push(['show']), busy: () => void shown.push(['busy']),
    follow: (answer) => { if (answer.kind === 'over') shown.push(['leave', answer.location]); return answer.kind === 'over'; },
    attempt: (act) => act(), again: () => flow.begin(), take: () => assert.fail('another method'), cancel: () => assert.fail('cancelled'),
  };
}

test('a step that asks for consent begins with its text', async (t) => {
  const r = rig(t);
  r.on('init', () => at('consent', ['consent']));
  r.on('start', () => reply('start', terms));
  await r.flow.begin();
  await r.tick(0);
  assert.deepEqual(r.last(), ['show']);
  assert.deepEqual(r.came.at(-1), { type: 'start', data: { method: 'consent' } });
});

test('what the server does not say well is shown as trouble, not as terms', async (t) => {
  const r = rig(t);
  r.on('init', () => at('consent', ['consent']));
  r.on('start', () => reply('start', { version: '1' }));
  await r.flow.begin();
  await r.tick(0);
  assert.deepEqual(r.last(), ['trouble', 'refused']);
});

test('terms are read, with what is missing left out', () => {
  assert.deepEqual(termsOf(terms), { ...terms, options: [{ id: 'news', text: 'Send me news.', required: false, ticked: true }] });
  assert.deepEqual(termsOf({ text: 'a', version: '1' }), { text: 'a', version: '1', language: '', options: [] });
  for (const bad of [{}, { text: 'a' }, { version: '1' }, { text: 'a', version: '1', options: 'all' }, { text: 'a', version: '1', options: [null] }, { text: 'a', version: '1', options: [{ id: 'a' }] }]) {
    assert.throws(() => termsOf(bad), LoginError, JSON.stringify(bad));
  }
});

test('what was ticked is told, and leads on', async (t) => {
  const r = rig(t);
  r.on('verify', () => over('complete'));
  await agree(course(r), termsOf(terms), { news: false, terms: true });
  assert.deepEqual(r.came, [{ type: 'verify', data: { options: { news: false, terms: true } } }]);
  assert.deepEqual(r.shown, [['busy'], ['leave', onward]]);
});

test('what was refused is asked anew, for the text may be another', async (t) => {
  const r = rig(t);
  r.on('verify', () => failure('The text has changed.'));
  r.on('start', () => reply('start', { ...terms, version: '2026-02' }));
  await agree(course(r), termsOf(terms), {});
  assert.deepEqual(r.came.map((c) => c.type), ['verify', 'start']);
  assert.deepEqual(r.last(), ['show']);
});

test('what another tab has done is where it stands', async (t) => {
  const r = rig(t);
  r.on('verify', () => wrongStep());
  r.on('init', () => at('device'));
  await agree(course(r), termsOf(terms), {});
  assert.deepEqual(r.last(), ['device', 'notYou']);
});
