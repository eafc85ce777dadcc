// @stomp/stompjs judges the notices of operations: what most pages that speak STOMP use.
import assert from 'node:assert/strict';
import { Client } from '@stomp/stompjs';
import WebSocket from 'ws';
import { judge } from './protocol.mjs';

/** A list that one waits for: what the library calls back with, in turn. */
function queue() {
  const [waiting, there] = [[], []];
  return {
    put: (x) => (waiting.length > 0 ? waiting.shift()(x) : there.push(x)),
    next: () => (there.length > 0 ? Promise.resolve(there.shift()) : new Promise((resolve) => waiting.push(resolve))),
  };
}

/** A page with its socket at a node. What it hears and how it ends comes in turn. */
function open({ issuer, sockets }, node, options = {}) {
  const heard = queue();
  const lines = [];
  let id;
  const client = new Client({
    webSocketFactory: () => new WebSocket(sockets[node], ['v12.stomp', 'v11.stomp', 'v10.stomp'], { origin: issuer }),
    heartbeatIncoming: 20000, heartbeatOutgoing: 20000, reconnectDelay: 0,
    debug: (line) => lines.push(line),
    onConnect: () => {
      client.subscribe('/user/topic/registration', ({ body }) => heard.put({ registration: JSON.parse(body) }));
      client.subscribe('/user/topic/authorization', ({ body }) => heard.put({ authorization: JSON.parse(body) }));
      client.publish({ destination: '/app/registration', body: JSON.stringify({ webSocketId: id }) });
    },
    onStompError: ({ headers, body }) => heard.put({ error: headers.message, body }),
    onWebSocketClose: ({ code, reason }) => heard.put({ code, reason: String(reason) }),
    onUnhandledFrame: ({ command }) => heard.put({ unhandled: command }),
    onUnhandledMessage: ({ body }) => heard.put({ unhandled: body }),
    ...options,
  });
  const expect = async (what) => assert.deepEqual(await heard.next(), what);
  return {
    client, lines, heard, expect,
    listen: async (webSocketId, good = true) => {
      id = webSocketId;
      client.activate();
      await expect({ registration: { webSocketId, registrationSucceeded: good } });
    },
    told: (authResult) => expect({ authorization: { webSocketId: id, authResult } }),
    closed: (code, reason = '') => expect({ code, reason }),
  };
}

await judge({
  async 'a page at one node is told what a phone decides at the other'(world) {
    for (const node of [0, 1]) {
      const page = open(world, node);
      await page.listen(await world.begin());
      await world.identify();
      await page.told('CONTINUE');
      await world.settle('deny');
      await page.told('CONTINUE');
      const approved = world.settle('approve'); // which begins with a new session
      await page.told('CONTINUE');
      await page.told('DONE');
      await page.closed(1000, 'DONE');
      await approved;
      assert.equal(page.client.connected, false);
      for (const line of ['send PING every 20000ms', 'check PONG every 20000ms']) {
        assert.ok(page.lines.includes(line), `heart-beats are on: ${line}`);
      }
    }
  },

  async 'a page that comes late, or again, is told how it stands'(world) {
    const id = await world.begin();
    await world.identify();
    await world.settle('approve');
    for (const node of [1, 0]) {
      const page = open(world, node);
      await page.listen(id);
      await page.told('DONE');
      await page.closed(1000, 'DONE');
    }
  },

  async 'a connection that broke is made again, and loses nothing'(world) {
    const page = open(world, 0, { reconnectDelay: 50 });
    const id = await world.begin();
    await page.listen(id);
    page.client.forceDisconnect();
    assert.equal((await page.heard.next()).code, 1005); // the page's own
    await world.identify(); // before it is there again, or after
    await page.expect({ registration: { webSocketId: id, registrationSucceeded: true } });
    await page.told('CONTINUE');
    await page.client.deactivate();
  },

  async 'the newest page stays'(world) {
    const id = await world.begin();
    const [old, newer] = [open(world, 0), open(world, 1)];
    await old.listen(id);
    await newer.listen(id);
    await old.closed(4009);
    await world.cancel();
    await newer.told('FAILED');
    await newer.closed(1000, 'FAILED');
  },

  async 'a name that leads nowhere, a place that there is not'(world) {
    const page = open(world, 0);
    await page.listen('x'.repeat(43), false);
    page.client.publish({ destination: '/topic/everybody', body: 'hello: \\ there', headers: { ab: 'c:\\\n' } });
    await page.expect({ error: 'no such destination', body: '' });
    await page.closed(1002);
    const old = open(world, 0, { connectHeaders: {}, stompVersions: { supportedVersions: () => '1.0,1.1', protocolVersions: () => [] } });
    old.client.activate();
    await old.expect({ error: 'version not supported', body: 'Supported protocol versions are 1.2' });
    await old.closed(1002);
  },

  async 'a page says goodbye, and speaks in binary'(world) {
    let heard;
    const goodbye = new Promise((resolve) => { heard = resolve; });
    const page = open(world, 1, { forceBinaryWSFrames: true, onDisconnect: heard });
    await page.listen(await world.begin());
    let receipt;
    const received = new Promise((resolve) => { receipt = resolve; });
    page.client.watchForReceipt('r:1', receipt);
    page.client.subscribe('/user/topic/authorization', () => {}, { id: 'again', receipt: 'r:1' });
    assert.equal((await received).headers['receipt-id'], 'r:1');
    page.client.unsubscribe('again');
    await page.client.deactivate();
    assert.equal((await goodbye).command, 'RECEIPT');
  },
});
