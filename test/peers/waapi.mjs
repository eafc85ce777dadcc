// A client of the Web Authenticator API, which was written from the contract's words alone (waapi-page.mjs), takes operations
// through their steps.
import assert from 'node:assert/strict';
import { judge } from './protocol.mjs';
import { notices } from './waapi-notices.mjs';
import { desk, drive, login, movingCode, opened, payment, scopes, take } from './waapi-user.mjs';

await judge({
  async 'a login that a client began'(world) {
    const { page } = await login(world);
    const { answer, taken } = await drive(world, page);
    assert.deepEqual(taken, ['identify', 'device']);
    assert.equal(answer.type, 'complete');
    for (const type of ['status', 'init', 'cancel']) assert.deepEqual((await page.send(type)).data, answer.data, type);
    let { headers: { location } } = await page.browser.request('GET', answer.data.location);
    if (location.startsWith(world.issuer)) ({ headers: { location } } = await page.browser.request('GET', location));
    assert.ok(location.startsWith(`${world.clients.open.redirect}?`), location);
    assert.equal(new URL(location).searchParams.get('state'), 'here');
    assert.ok(new URL(location).searchParams.get('code'));
  },

  async 'an order of a back end'(world) {
    const page = await opened(world);
    const { answer, taken } = await drive(world, page);
    assert.deepEqual(taken, ['identify', 'review', 'device']);
    assert.equal(answer.type, 'complete');
    const end = await desk(world, 'GET', `/operations/${page.operationId}`);
    assert.equal(end.result, 'DONE');
    assert.ok(end.proof && end.history.length > 0);
  },

  async 'an order that says who is asked, and is declined'(world) {
    const page = await opened(world, { ...payment, tokenId: world.user });
    const { answer, taken } = await drive(world, page, { phone: 'deny' });
    assert.deepEqual(taken, ['review', 'device']);
    assert.equal(answer.type, 'cancel');
    assert.equal((await desk(world, 'GET', `/operations/${page.operationId}`)).result, 'FAILED');
  },

  async 'a flow of the configuration asks a phone twice'(world) {
    const page = await opened(world, { ...payment, name: 'sign_twice' });
    const { answer, taken } = await drive(world, page);
    assert.deepEqual(taken, ['identify', 'device', 'review', 'device']);
    assert.equal(answer.type, 'complete');
  },

  async 'a step has its own number of tries, and leads where its flow says'(world) {
    const page = await opened(world, { ...payment, name: 'sign_twice', tokenId: world.user });
    for (const left of [2, 1]) {
      const { remainingAttempts, step } = await page.init();
      assert.deepEqual([step, remainingAttempts], ['first', left]);
      await take.device(world, page, 'deny');
    }
    const { location } = await page.get('status', {}, 'cancel');
    assert.equal((await page.browser.request('GET', location)).status, 200);
  },

  async 'notices make the page ask, and tell nothing else'(world) {
    const page = await opened(world, { ...payment, tokenId: world.user });
    const heard = await notices(world, (await page.init()).webSocketId);
    await page.get('choose', { method: 'device' }, 'init');
    assert.equal(await heard.next(), 'CONTINUE');
    await take.device(world, page, 'approve');
    const told = [];
    while (told.at(-1) !== 1000) told.push(await heard.next());
    assert.deepEqual(new Set(told.slice(0, -2)), new Set(told.length > 2 ? ['CONTINUE'] : []));
    assert.equal(told.at(-2), 'DONE');
    await page.get('status', {}, 'complete');
  },

  async 'a page that is loaded again is at its step, and shows the form'(world) {
    const page = await opened(world);
    const steps = [await page.init(), await page.init()];
    await page.start('identify', { user: world.user });
    steps.push(await page.init(), await page.init());
    await page.get('choose', { method: 'device' }, 'init');
    const again = await page.browser.open(page.operationId);
    steps.push(await page.init(), await again.init());
    for (const i of [0, 2, 4]) assert.deepEqual(steps[i + 1], steps[i]);
    assert.equal(new Set(steps.map(({ step }) => step)).size, 3);
    for (const { form, name, service } of steps) {
      assert.deepEqual(form, payment.form);
      assert.equal(name, payment.name);
      assert.equal(service.id, world.clients.secret.id);
    }
    const { step, result } = await again.get('status', {}, 'status');
    assert.deepEqual([step, result], [steps[4].step, 'CONTINUE']);
  },

  async 'whoever scans the moving code is the user'(world) {
    const { page } = await login(world);
    assert.deepEqual((await page.init()).methods.map(({ id }) => id), ['identify', 'device']);
    const began = Date.now();
    const { session, ended } = await page.device({ scan: true });
    assert.equal(session.mode, 'scan');
    await world.scan(movingCode(session, Math.floor((Date.now() - began) / 1000)), { scopes });
    assert.equal((await ended).type, 'approved');
    await page.get('status', {}, 'complete');
  },

  async 'a session that is started anew, or given up, ends the one before'(world) {
    const page = await opened(world, { ...payment, tokenId: world.user });
    await page.get('choose', { method: 'device' }, 'init');
    const [first, second] = [await page.device(), await page.device()];
    const { type, by } = await first.ended;
    assert.deepEqual([type, by], ['cancelled', 'replaced']);
    await page.get('cancel', {}, 'cancel');
    assert.deepEqual((await second.ended).type, 'cancelled');
    assert.equal((await page.send('start', { method: 'device', challenge: 'A'.repeat(43) })).type, 'cancel');
  },

  async 'a phone that declines a login is asked again, and the user gives up'(world) {
    const { page } = await login(world);
    await page.start('identify', { user: world.user });
    await take.device(world, page, 'deny');
    const { result, stepResult } = await page.get('status', {}, 'status');
    assert.deepEqual([result, stepResult], ['CONTINUE', 'CANCELED']);
    await page.init();
    const { location } = await page.get('cancel', {}, 'cancel');
    for (const type of ['cancel', 'status', 'init', 'cancel']) assert.deepEqual((await page.get(type, {}, 'cancel')).location, location);
    const { headers } = await page.browser.request('GET', location);
    assert.ok(headers.location.startsWith(`${world.clients.open.redirect}?`), headers.location);
    assert.equal(new URL(headers.location).searchParams.get('error'), 'access_denied');
  },

  async 'tries run out, and every one is counted'(world) {
    const { page } = await login(world);
    let { remainingAttempts: left } = await page.start('identify', { user: world.user });
    assert.ok(left > 0 && left < 20, 'a bound is told');
    let answer;
    for (; ; left -= 1) {
      answer = await take.device(world, page, 'deny');
      if (answer.type === 'status') answer = await page.send('init');
      if (answer.type === 'cancel' || !answer.data.methods.some(({ id }) => id === 'device')) break;
      assert.equal(answer.data.remainingAttempts, left - 1);
    }
    assert.equal(left, 1, 'it is off after the last');
    if (answer.type === 'init') assert.ok(answer.data.remainingAttempts > 0 && answer.data.methods.length > 0, 'what is left can be tried');
  },

  async 'another operation in the same browser ends the one before it'(world) {
    const { page: first } = await login(world);
    await drive(world, first); // now there is a browser login
    await first.browser.request('GET', (await first.send('status')).data.location);
    const old = await opened(world, payment, first.browser);
    await old.init();
    const newer = await opened(world, payment, first.browser);
    await old.get('status', {}, 'status'); // which is only at the first init of the other
    await newer.init();
    await old.get('status', {}, 'cancel');
    assert.equal((await desk(world, 'GET', `/operations/${old.operationId}`)).result, 'FAILED');
    assert.equal((await drive(world, newer)).answer.type, 'complete');
  },
});
