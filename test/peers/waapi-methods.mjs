// The methods that are answered in the page, taken by a page that was written from the contract's words alone (waapi-page.mjs).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { judge } from './protocol.mjs';
import { desk, drive, exhaust, gateway, opened, otherThan, payment, take } from './waapi-user.mjs';

/** A name that nobody has, and of which nothing has counted yet. */
const nobody = () => `tok_${randomBytes(16).toString('base64url')}`;

/** The page of a flow's operation, whose user has said who they are. */
async function named(world, name, user = world.user) {
  const page = await opened(world, { ...payment, name });
  const first = await page.start('identify', { user });
  return { page, first };
}

/** The page of a flow with a review, in which the method was chosen. */
async function chosen(world, name, method, user) {
  const { page, first } = await named(world, name, user);
  assert.ok(first.methods.some(({ id }) => id === method), `${method} is no choice`);
  const { methods } = await page.get('choose', { method }, 'init');
  assert.equal(methods[0].id, method);
  return page;
}

/** What nobody who is not known may tell from who is: the answers, without what differs in every operation. */
const alike = ({ operationId, webSocketId, expiresAt, ...rest }) => rest;

await judge({
  async 'a payment is approved by a code that is sent'(world) {
    const messages = gateway();
    const page = await opened(world, { ...payment, name: 'by_message' });
    const { answer, taken } = await drive({ ...world, messages }, page, { by: 'message' });
    assert.deepEqual(taken, ['identify', 'review', 'message']);
    assert.equal(answer.type, 'complete');
    const { result, history } = await desk(world, 'GET', `/operations/${page.operationId}`);
    assert.deepEqual([result, history.at(-1).method], ['DONE', 'message']);
    messages.close();
  },

  async 'where a message goes is masked, and told only after a factor'(world) {
    const messages = gateway();
    const page = await chosen(world, 'by_message', 'message');
    const before = await page.start('message');
    assert.equal(before.sentTo, '');
    assert.equal((await messages.code()).length, before.length);
    const two = (await named(world, 'phone_and_message')).page;
    assert.equal((await take.device(world, two, 'approve')).type, 'status');
    const { sentTo, length } = await two.start('message');
    assert.ok(sentTo !== '' && !sentTo.includes('234567'), sentTo);
    const code = await messages.code();
    assert.equal(code.length, length);
    assert.equal((await two.send('verify', { otp: code })).type, 'complete');
    messages.close();
  },

  async 'a wrong code of a message counts, and the third has only that method off'(world) {
    const messages = gateway();
    const page = await chosen(world, 'by_message', 'message');
    await page.start('message');
    const code = await messages.code();
    for (const wrong of ['', code.slice(1), `${code}0`, 'letter']) {
      assert.equal((await page.get('verify', { otp: wrong }, 'failure')).remainingAttempts, 3, 'what is no code costs nothing');
    }
    const { told, last } = await exhaust(page, { otp: otherThan(code) });
    assert.deepEqual(told.slice(0, 2), [2, 1]);
    assert.equal(last.type, 'init');
    assert.deepEqual(last.data.methods.map(({ id }) => id).filter((id) => id !== 'identify'), ['device']);
    assert.equal((await page.send('verify', { otp: code })).success, false);
    assert.equal((await take.device(world, page, 'approve')).type, 'complete');
    messages.close();
  },

  async 'a code is for one operation, once, and a page that is loaded again needs no other'(world) {
    const messages = gateway();
    const [one, two] = [await chosen(world, 'by_message', 'message'), await chosen(world, 'by_message', 'message')];
    const { resendAfter } = await one.start('message');
    assert.ok(resendAfter > 0);
    const code = await messages.code();
    assert.ok((await one.start('message')).resendAfter <= resendAfter); // and nothing is sent
    await two.start('message');
    const other = await messages.code();
    if (code !== other) assert.equal((await two.send('verify', { otp: code })).type, 'failure');
    await one.init();
    assert.equal((await one.send('verify', { otp: code })).type, 'complete');
    assert.equal((await two.send('verify', { otp: other })).type, 'complete');
    messages.close();
  },

  async 'names look alike to whom messages are sent'(world) {
    const messages = gateway();
    const seen = [];
    for (const user of [nobody(), 'nobody', world.user]) {
      const { page, first } = await named(world, 'told', user);
      const started = await page.start('message');
      const failed = [];
      if (user === world.user) await messages.code(); // which is the first that leaves
      for (let i = 0; i < 3; i += 1) failed.push(await page.send('verify', { otp: `99999${i}` }));
      seen.push({ first: alike(first), started, failed: failed.map(({ data, ...rest }) => ({ ...rest, ...alike(data), location: '' })) });
    }
    assert.deepEqual(seen[1], seen[0]);
    assert.deepEqual(seen[2], seen[0]);
    messages.close();
  },

  async 'too many wrong codes have the method off for a name, known or not, until a phone approves'(world) {
    const messages = gateway();
    const offers = async (user) => (await named(world, 'by_message', user)).first.methods.map(({ id }) => id);
    const [somebodyElse, counts] = [nobody(), []];
    for (const user of [somebodyElse, world.user]) {
      let wrong = 0;
      while ((await offers(user)).includes('message')) {
        assert.ok(wrong < 20, 'there is a bound');
        const page = await chosen(world, 'by_message', 'message', user);
        await page.start('message');
        const code = user === world.user ? await messages.code() : '123456';
        wrong += (await exhaust(page, { otp: otherThan(code) })).told.length;
      }
      counts.push([wrong, await offers(user)]);
    }
    assert.deepEqual(counts[1], counts[0]);
    assert.ok(counts[0][1].includes('device'), 'and nothing else is off');
    const { page } = await named(world, 'by_message');
    await page.get('choose', { method: 'device' }, 'init');
    assert.equal((await take.device(world, page, 'approve')).type, 'complete');
    assert.ok((await offers(world.user)).includes('message'));
    assert.ok(!(await offers(somebodyElse)).includes('message'));
    messages.close();
  },

  async 'a payment is approved by a phone without a network'(world) {
    const page = await opened(world, { ...payment, name: 'by_offline' });
    const { answer, taken } = await drive(world, page, { by: 'offline' });
    assert.deepEqual(taken, ['identify', 'review', 'offline']);
    assert.equal(answer.type, 'complete');
    assert.equal((await desk(world, 'GET', `/operations/${page.operationId}`)).result, 'DONE');
  },

  async 'a wrong code without a network counts, and the third has only that method off'(world) {
    const page = await chosen(world, 'by_offline', 'offline');
    const code = await world.offline((await page.start('offline')).qr);
    const { told, last } = await exhaust(page, { code: otherThan(code) });
    assert.deepEqual(told.slice(0, 2), [2, 1]);
    assert.equal(last.type, 'init');
    assert.deepEqual(last.data.methods.map(({ id }) => id).filter((id) => id !== 'identify'), ['device']);
    assert.equal((await page.send('verify', { code })).success, false);
    assert.equal((await take.device(world, page, 'approve')).type, 'complete');
  },

  async 'what is no code is a mistake of the user, and costs nothing'(world) {
    const page = await chosen(world, 'by_offline', 'offline');
    const code = await world.offline((await page.start('offline')).qr);
    for (const wrong of ['', code.slice(1), `${code}0`, 'letters', '\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661']) {
      const { remainingAttempts } = await page.get('verify', { code: wrong }, 'failure');
      assert.equal(remainingAttempts, 3, JSON.stringify(wrong));
    }
    assert.equal((await page.send('verify', { code })).type, 'complete');
  },

  async 'names look alike without a network'(world) {
    const seen = [];
    for (const user of [world.user, nobody(), 'nobody']) {
      const { page, first } = await named(world, 'sign_offline', user);
      const { qr, ...started } = await page.start('offline');
      if (user === world.user) await world.offline(qr); // their phone has agreed to it
      const failed = [];
      for (const code of ['12345678', '87654321', '00000000']) failed.push((await page.send('verify', { code })));
      seen.push({ first: alike(first), started, lines: qr.split('\n').length, failed: failed.map(({ data, ...rest }) => ({ ...rest, ...alike(data), location: '' })) });
    }
    assert.deepEqual(seen[1], seen[0]);
    assert.deepEqual(seen[2], seen[0]);
  },

  async 'who signs agrees to the terms once, and is not asked again'(world) {
    const page = await opened(world, { ...payment, name: 'agree' });
    const first = await drive(world, page);
    assert.deepEqual(first.taken, ['identify', 'device', 'consent']);
    assert.equal(first.answer.type, 'complete');
    const again = await drive(world, await opened(world, { ...payment, name: 'agree' }));
    assert.deepEqual(again.taken, ['identify', 'device']);
    assert.equal(again.answer.type, 'complete');
  },

  async 'what is required has to be ticked, and nothing counts'(world) {
    const { page } = await named(world, 'agree');
    assert.equal((await page.send('start', { method: 'consent' })).success, false, 'nobody has proven to be anybody');
    await take.device(world, page, 'approve');
    await page.get('verify', { options: { terms: true } }, 'failure'); // nothing was shown
    const asked = await page.start('consent');
    assert.deepEqual(await page.start('consent'), asked);
    assert.deepEqual(asked.options.map(({ id, required, value }) => [id, required, value]), [['terms', true, false], ['news', false, false]]);
    const { remainingAttempts } = await page.init();
    for (const options of [{}, { terms: false }, { news: true }, { terms: true, other: true }]) {
      assert.equal((await page.get('verify', { options }, 'failure')).remainingAttempts, remainingAttempts);
    }
    await page.get('verify', { options: { terms: true } }, 'complete');
  },

  async 'who does not agree gives the operation up'(world) {
    const { page } = await named(world, 'agree');
    await take.device(world, page, 'approve');
    await page.start('consent');
    await page.get('cancel', {}, 'cancel');
    assert.equal((await page.send('verify', { options: { terms: true } })).type, 'cancel');
    assert.equal((await desk(world, 'GET', `/operations/${page.operationId}`)).result, 'FAILED');
  },

  async 'terms without options'(world) {
    const page = await opened(world, { ...payment, name: 'agree' }, undefined, 'tenant');
    await page.start('identify', { user: world.user });
    await take.device(world, page, 'approve');
    assert.deepEqual((await page.start('consent')).options, []);
    await page.get('verify', { options: {} }, 'complete');
  },

  async 'every way through one flow'(world) {
    const messages = gateway();
    const agreed = [];
    for (const by of ['message', 'offline', 'device']) {
      const page = await opened(world, { ...payment, name: 'every_way' });
      const { answer, taken } = await drive({ ...world, messages }, page, { by });
      assert.deepEqual(taken, ['identify', 'review', by, ...agreed.length === 0 ? ['consent'] : []]);
      assert.equal(answer.type, 'complete');
      agreed.push((await desk(world, 'GET', `/operations/${page.operationId}`)).tokenId);
    }
    assert.deepEqual(new Set(agreed), new Set([world.user]));
    messages.close();
  },
});
