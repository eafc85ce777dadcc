import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginError } from '../../sdk/src/errors.js';
import { json, settle, started } from '../../sdk/test/rig.js';
import { leadsOn } from '../flow.js';
import { alice, at, failure, gone, issuer, onward, over, payment, reply, reviewing, rig, standing, unknown, wrongStep } from './rig.js';

const signal = (): AbortSignal => new AbortController().signal;
const codeOf = (code: string) => (e: unknown): boolean => e instanceof LoginError && e.code === code;
const session = started();
const { random: _, ...forPage } = session;

test('from the question who logs in to the location that goes on', async (t) => {
  const r = rig(t);
  r.on('init', () => at('identify'));
  r.on('start', ({ data }) => (data['method'] === 'identify' ? at('device') : reply('start', forPage)));
  r.on('status', () => over('complete'));
  await r.flow.begin();
  assert.deepEqual(r.last(), ['identify', '', undefined]);
  await r.flow.identify(alice);
  assert.deepEqual(r.last(), ['device', 'notYou']);
  assert.deepEqual(await r.start('the-challenge', signal()), forPage);
  await r.flow.approved();
  assert.deepEqual(r.last(), ['leave', onward]);
  assert.deepEqual(r.came, [
    { type: 'init', data: {} },
    { type: 'start', data: { method: 'identify', user: alice } },
    { type: 'start', data: { method: 'device', challenge: 'the-challenge' } },
    { type: 'status', data: {} },
  ]);
});

test('an id is remembered once it was approved, nothing else is, and it can be forgotten', async (t) => {
  const r = rig(t);
  r.on('init', () => at('identify'));
  r.on('start', () => at('device'));
  r.on('status', () => over('complete'));
  await r.flow.identify(alice);
  assert.deepEqual([...r.stored], [], 'an id that was only typed may be wrong');
  await r.flow.approved();
  assert.deepEqual([...r.stored], [['countersign.user', alice]]);
  await r.flow.begin();
  assert.deepEqual(r.last(), ['identify', alice, undefined]);
  r.flow.forget();
  assert.deepEqual([...r.stored], []);
});

test('a cancelled login and one by scan leave no id behind', async (t) => {
  const r = rig(t);
  r.on('start', () => at('device'));
  r.on('status', () => over('cancel'));
  await r.flow.identify(alice);
  await r.flow.approved();
  assert.deepEqual([...r.stored], []);
  r.flow.scan();
  r.on('status', () => over('complete'));
  await r.flow.approved();
  assert.deepEqual([...r.stored], []);
});

test('scan asks for a session of nobody, and leads back to the id', async (t) => {
  const r = rig(t);
  r.on('init', () => at('identify'));
  r.on('start', () => reply('start', forPage));
  await r.flow.begin();
  r.flow.scan();
  assert.deepEqual(r.last(), ['device', 'useID']);
  await r.start('c', signal());
  assert.deepEqual(r.came.at(-1), { type: 'start', data: { method: 'device', challenge: 'c', scan: true } });
  r.flow.back();
  assert.deepEqual(r.last(), ['identify', '', undefined]);
});

test('a page that is loaded again attaches to the step the operation is at', async (t) => {
  const r = rig(t);
  r.on('init', () => at('device'));
  await r.flow.begin();
  assert.deepEqual(r.shown, [['busy'], ['device', 'notYou']]);
  r.on('init', () => at('device', ['device']));
  await r.flow.begin();
  assert.deepEqual(r.last(), ['device', undefined], 'the way back is the server\'s to offer');
  r.on('init', () => over('complete'));
  await r.flow.begin();
  assert.deepEqual(r.last(), ['leave', onward]);
});

test('what a step takes decides how it is shown, and not its name', async (t) => {
  const r = rig(t);
  for (const [step, methods, want] of [
    ['device', ['identify'], ['identify', '', undefined, 'no scan']],
    ['identify', ['device', 'identify'], ['device', 'notYou']],
    ['second', ['passkey', 'device'], ['device', undefined]],
    ['device', ['voice', 'identify'], ['trouble', 'unsupported']],
    ['device', [], ['trouble', 'unsupported']],
  ] as const) {
    r.on('init', () => at(step, [...methods]));
    await r.flow.begin();
    assert.deepEqual(r.last(), want);
  }
  r.on('init', () => at('known', ['device']));
  r.again();
  await settle();
  assert.deepEqual(r.last(), ['device', undefined], 'a step that is not known is asked about again');
});

test('a review shows the form and the choices, and the choice leads on', async (t) => {
  const r = rig(t);
  r.on('init', () => at('identify', ['identify'], { form: payment }));
  r.on('start', () => reviewing(['device', 'identify']));
  r.on('choose', () => at('device', ['device'], { form: payment }));
  r.on('status', () => over('complete'));
  await r.flow.begin();
  await r.flow.identify(alice);
  assert.deepEqual(r.last(), ['review', payment, ['device: By device'], 'notYou']);
  r.flow.back();
  assert.deepEqual(r.last(), ['identify', alice, undefined, 'no scan'], 'nobody scans what they have not seen');
  await r.flow.identify(alice);
  await r.flow.choose('device');
  assert.deepEqual(r.last(), ['device', undefined, payment]);
  await r.flow.approved();
  assert.deepEqual(r.last(), ['leave', onward]);
  assert.deepEqual(r.came.filter((c) => c.type === 'choose'), [{ type: 'choose', data: { method: 'device' } }]);
});

test('a review that is loaded again is shown again, with every choice', async (t) => {
  const r = rig(t);
  r.on('init', () => reviewing(['device', 'passkey'], {}));
  await r.flow.begin();
  assert.deepEqual(r.shown, [['busy'], ['review', {}, ['device: By device', 'passkey: By passkey']]]);
  r.on('init', () => reviewing(['identify']));
  await r.flow.begin();
  assert.deepEqual(r.last(), ['review', payment, [], 'notYou'], 'another name is no choice');
});

test('a choice that is refused can be made again; one that comes too late leads to the step there is', async (t) => {
  const r = rig(t);
  r.on('init', () => reviewing(['device', 'passkey']));
  await r.flow.begin();
  r.on('choose', () => failure('This service does not offer that way.'));
  await r.flow.choose('passkey');
  assert.deepEqual(r.last(), ['review', payment, ['device: By device', 'passkey: By passkey'], 'This service does not offer that way.']);
  r.on('choose', wrongStep);
  r.on('init', () => at('device', ['device']));
  await r.flow.choose('device');
  assert.deepEqual(r.last(), ['device', undefined]);
  r.on('choose', unknown);
  r.on('init', unknown);
  await r.flow.choose('device');
  assert.deepEqual(r.last(), ['notYours']);
});

test('a choice whose answer is lost is made again, and Cancel in a review ends the operation', async (t) => {
  const r = rig(t);
  r.on('init', () => reviewing(['device']));
  await r.flow.begin();
  r.on('choose', gone);
  const chosen = r.flow.choose('device');
  for (let i = 0; i < 4; i++) await r.tick(10_000);
  await chosen;
  assert.deepEqual(r.last(), ['trouble', 'network']);
  r.on('choose', () => at('device', ['device']));
  r.again();
  await settle();
  assert.deepEqual(r.last(), ['device', undefined]);
  r.on('cancel', () => over('cancel'));
  await r.flow.cancel();
  assert.deepEqual(r.last(), ['leave', onward]);
});

test('an approval is followed to the next step, and so is an end that leads to one', async (t) => {
  const r = rig(t);
  r.on('init', () => at('device', ['device']));
  await r.flow.begin();
  r.on('status', () => standing('second'));
  r.on('init', () => at('second', ['device']));
  await r.flow.approved();
  assert.deepEqual(r.shown.slice(2), [['busy'], ['device', undefined]]);
  r.on('status', () => standing('look'));
  await r.flow.ended({ name: 'rejected', reason: 'Declined' });
  assert.deepEqual(r.last(), ['ended', 'rejected', 'the next step']);
  r.on('init', () => reviewing(['device']));
  r.again();
  await settle();
  assert.deepEqual(r.last(), ['review', payment, ['device: By device']]);
});

test('an approval by whoever scanned is followed to the next step', async (t) => {
  const r = rig(t);
  r.on('init', () => at('identify'));
  await r.flow.begin();
  r.flow.scan();
  r.on('status', () => standing('second'));
  r.on('init', () => at('second', ['device']));
  await r.flow.approved();
  assert.deepEqual(r.last(), ['device', undefined]);
});

test('a page that is loaded again while whoever scans is waited for goes on so', async (t) => {
  const r = rig(t);
  r.on('init', () => at('device'));
  r.on('start', ({ data }) => (data['scan'] === true ? reply('start', forPage) : wrongStep()));
  await r.flow.begin();
  assert.deepEqual(await r.start('c', signal()), forPage);
  r.on('start', wrongStep);
  await assert.rejects(r.start('c', signal()), codeOf('lost'));
});

test('scanning is offered where the service takes it', async (t) => {
  const r = rig(t);
  r.on('init', () => at('identify', ['identify']));
  r.on('start', () => at('device'));
  await r.flow.begin();
  assert.deepEqual(r.last(), ['identify', '', undefined, 'no scan']);
  await r.flow.identify(alice);
  r.flow.back();
  assert.deepEqual(r.last(), ['identify', alice, undefined, 'no scan']);
});

test('another browser is told that the login is not its own', async (t) => {
  const r = rig(t);
  await r.flow.begin();
  assert.deepEqual(r.shown, [['busy'], ['notYours']]);
});

test('a refused id is asked for again; one the step no longer takes leads to the step there is', async (t) => {
  const r = rig(t);
  r.on('start', () => failure('Type your id.'));
  await r.flow.identify('x y');
  assert.deepEqual(r.last(), ['identify', 'x y', 'Type your id.']);
  r.on('start', unknown);
  r.on('init', () => at('device'));
  await r.flow.identify(alice);
  assert.deepEqual(r.last(), ['device', 'notYou']);
});

test('Cancel in the login ends the operation', async (t) => {
  const r = rig(t);
  r.on('cancel', () => over('cancel'));
  await r.flow.ended({ name: 'cancelled', by: 'page' });
  assert.deepEqual(r.came, [{ type: 'cancel', data: {} }]);
  assert.deepEqual(r.last(), ['leave', onward]);
});

test('a session that ended can be tried again; an operation that ended says why and leads back', async (t) => {
  const r = rig(t);
  r.on('status', () => reply('status', { result: 'CONTINUE', step: 'device', stepResult: 'AUTH_FAILED' }));
  await r.flow.ended({ name: 'expired' });
  assert.deepEqual(r.shown, [], 'the words of the login stay');
  r.on('status', () => over('cancel'));
  await r.flow.ended({ name: 'rejected', reason: 'Reported' });
  assert.deepEqual(r.last(), ['ended', 'rejected', onward]);
  r.on('status', () => over('complete'));
  await r.flow.ended({ name: 'failed', error: { code: 'lost', message: '' } });
  assert.deepEqual(r.last(), ['leave', onward], 'it was approved while this page slept');
  r.on('status', unknown);
  await r.flow.ended({ name: 'expired' });
  assert.deepEqual(r.last(), ['notYours']);
});

test('an operation whose time is up is called so', async (t) => {
  const r = rig(t);
  r.on('init', () => at('device'));
  await r.flow.begin();
  await r.tick(600_000);
  r.on('start', () => over('cancel'));
  await assert.rejects(r.start('c', signal()), codeOf('lost'));
  await r.flow.ended({ name: 'failed', error: { code: 'lost', message: '' } });
  assert.deepEqual(r.last(), ['ended', 'expired', onward]);
  assert.deepEqual(r.came.map((c) => c.type), ['init', 'start'], 'the end is known');
});

test('an operation that ended because too many sessions were started is called so', async (t) => {
  const r = rig(t);
  r.on('init', () => at('device'));
  await r.flow.begin();
  r.on('start', () => failure('That was tried too often.'));
  await assert.rejects(r.start('c', signal()), codeOf('refused'));
  r.on('status', () => over('cancel'));
  await r.flow.ended({ name: 'failed', error: { code: 'refused', message: '' } });
  assert.deepEqual(r.last(), ['ended', 'limited', onward]);
});

test('a start that brings no session says why', async (t) => {
  const r = rig(t);
  r.on('init', () => at('device'));
  await r.flow.begin();
  for (const [answer, code] of [
    [() => failure('too_many_sessions'), 'refused'], [unknown, 'lost'], [gone, 'network'],
    [() => json({ code: 'rate_limited' }, 429, { 'Retry-After': '7' }), 'limited'], [() => json({ code: 'forbidden' }, 403), 'refused'],
  ] as const) {
    r.on('start', answer);
    const before = r.came.length;
    await assert.rejects(r.start('c', signal()), codeOf(code));
    assert.equal(r.came.length, before + 1, 'a start is never repeated by itself');
  }
});

test('the page goes nowhere but to the server', async (t) => {
  const r = rig(t);
  for (const location of ['https://evil.example/', `${issuer}.evil.example/`, '//evil.example', '/oidc/authorize/x', 'javascript:alert(1)', '', `${issuer}@evil.example/`]) {
    r.on('status', () => over('complete', location));
    await r.flow.approved();
    assert.deepEqual(r.last(), ['trouble', 'refused'], location);
    r.on('status', () => over('cancel', location));
    await r.flow.ended({ name: 'expired' });
    assert.deepEqual(r.last(), ['trouble', 'refused'], location);
  }
  assert.equal(leadsOn(`${issuer}/cs`, `${issuer}/cs/oidc/authorize/x`), true);
  assert.equal(leadsOn(`${issuer}/cs`, `${issuer}/csx/`), false);
});

test('a server that cannot be reached is asked again, then the user is', async (t) => {
  const r = rig(t);
  r.on('init', gone);
  const begun = r.flow.begin();
  for (let i = 0; i < 4; i++) await r.tick(10_000);
  await begun;
  assert.equal(r.came.length, 3);
  assert.deepEqual(r.last(), ['trouble', 'network']);
  r.on('init', () => at('identify'));
  r.again();
  await settle();
  assert.deepEqual(r.last(), ['identify', '', undefined]);
});

test('a proxy that answers in the place of the server is no server', async (t) => {
  const r = rig(t);
  r.on('init', () => new Response('<html>busy</html>', { status: 502 }));
  const begun = r.flow.begin();
  for (let i = 0; i < 4; i++) await r.tick(10_000);
  await begun;
  assert.deepEqual(r.last(), ['trouble', 'network']);
  r.on('init', () => json({ code: 'rate_limited' }, 429, { 'Retry-After': '7' }));
  await r.flow.begin();
  assert.deepEqual(r.last(), ['trouble', 'limited']);
});

test('an approval that the server has not seen yet is waited for, but not for ever', async (t) => {
  const r = rig(t);
  r.on('init', () => at('device'));
  await r.flow.begin();
  r.on('status', () => standing('device'));
  const approved = r.flow.approved();
  await settle();
  assert.deepEqual(r.last(), ['device', 'notYou']);
  r.on('status', () => over('complete'));
  await r.tick(10_000);
  await approved;
  assert.deepEqual(r.last(), ['leave', onward]);
  r.on('status', () => standing('device'));
  const again = r.flow.approved();
  await settle();
  for (let i = 0; i < 10; i++) await r.tick(10_000);
  await again;
  assert.deepEqual(r.last(), ['trouble', 'lost']);
});

test('without storage the login works all the same', async (t) => {
  const r = rig(t);
  Object.defineProperty(globalThis, 'localStorage', { get: () => { throw new Error('blocked'); }, configurable: true });
  r.on('init', () => at('identify'));
  r.on('start', () => at('device'));
  r.on('status', () => over('complete'));
  await r.flow.begin();
  assert.deepEqual(r.last(), ['identify', '', undefined]);
  await r.flow.identify(alice);
  await r.flow.approved();
  assert.deepEqual(r.last(), ['leave', onward]);
});
