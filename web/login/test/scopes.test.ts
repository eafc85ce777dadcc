import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBehind } from '../authn.js';
import { granted } from '../scopes.js';
import { at, reply, rig } from './rig.js';
import { json } from '../../sdk/test/rig.js';

const asked = [{ id: 'identity:name', label: 'Your name', required: true }, { id: 'identity:email', label: 'Your e-mail address', required: false }];

test('what is asked for is read, and what is no scope is left out', async (t) => {
  const r = rig(t);
  const read = async (more: object): Promise<unknown> => {
    r.on('init', () => at('m', ['message'], more));
    const answer = await r.authn.ask('init');
    return answer.kind === 'present' ? answer.scopes : assert.fail(answer.kind);
  };
  assert.deepEqual(await read({ scopes: asked }), asked);
  assert.deepEqual(await read({ scopes: [null, 'identity:name', { id: 'identity:new' }] }), [{ id: 'identity:new', label: 'identity:new', required: false }]);
  for (const more of [{}, { scopes: 7 }, { scopes: {} }]) assert.deepEqual(await read(more), []);
});

test('what is required is granted whatever is switched off, and the rest unless it is', () => {
  assert.deepEqual(granted({ asked, off: new Set() }), ['identity:name', 'identity:email']);
  assert.deepEqual(granted({ asked, off: new Set(['identity:email']) }), ['identity:name']);
  assert.deepEqual(granted({ asked, off: new Set(['identity:name', 'identity:phone']) }), ['identity:name', 'identity:email']);
  assert.deepEqual(granted({ asked: [], off: new Set() }), []);
});

test('a grant that is not taken is asked for anew, unlike an operation that is not there', async (t) => {
  const r = rig(t);
  for (const [reason, behind] of [['scope_not_allowed', true], ['wrong_step', true], ['operation_not_found', false]] as const) {
    r.on('verify', () => json({ success: false, type: 'failure', reply_to: 'verify', reason, data: {} }));
    assert.equal(isBehind(await r.authn.ask('verify', {})), behind, reason);
  }
  r.on('verify', () => reply('failure', { message: { text: 'No.' } }));
  assert.equal(isBehind(await r.authn.ask('verify', {})), false);
});
