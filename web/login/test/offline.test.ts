import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../../sdk/test/rig.js';
import { at, failure, reply, rig, wrongStep } from './rig.js';

const drawn = { qr: 'countersign-offline-v1\nhttps://login.example.com', format: 'countersign-offline-v1' };

test('a step that begins with a phone without a network is drawn, whatever the step is called', async (t) => {
  const r = rig(t);
  r.on('init', () => at('pay', ['offline', 'device']));
  r.on('start', () => reply('start', drawn));
  await r.flow.begin();
  await settle();
  assert.deepEqual(r.last(), ['show']);
  assert.deepEqual(r.came.at(-1), { type: 'start', data: { method: 'offline' } });
});

test('another form of texts is not drawn', async (t) => {
  for (const data of [{ ...drawn, format: 'countersign-offline-v2' }, { format: drawn.format }]) {
    const r = rig(t);
    r.on('init', () => at('pay', ['offline']));
    r.on('start', () => reply('start', data));
    await r.flow.begin();
    await settle();
    assert.deepEqual(r.last(), ['trouble', 'unsupported']);
    t.mock.timers.reset();
    t.mock.restoreAll();
  }
});

test('what is not offered any more is said, and a step that has gone on is asked for', async (t) => {
  const r = rig(t);
  r.on('init', () => at('pay', ['offline']));
  r.on('start', () => failure('Not here.'));
  await r.flow.begin();
  await settle();
  assert.deepEqual(r.last(), ['trouble', 'refused']);
  r.on('start', () => {
    r.on('init', () => at('device'));
    return wrongStep();
  });
  await r.flow.begin();
  await settle();
  assert.deepEqual(r.last(), ['device', 'notYou']);
});
