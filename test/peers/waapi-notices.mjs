// The notices of an operation (§8, Web socket notifications), heard with no library: STOMP 1.2 by hand.
import assert from 'node:assert/strict';
import WebSocket from 'ws';

const frame = (command, headers, body = '') => `${command}\n${Object.entries(headers).map(([name, value]) => `${name}:${value}\n`).join('')}\n${body}\0`;

function parse(text) {
  const [head, body] = text.replace(/\0\n*$/, '').split('\n\n');
  const [command, ...lines] = head.split('\n');
  return { command, headers: Object.fromEntries(lines.map((line) => line.split(/:(.*)/))), body };
}

/** Listens to what a page is told; next() gives the results in turn, and last how the connection was closed. */
export async function notices({ issuer, at }, webSocketId) {
  const { host, origin } = new URL(issuer);
  const [heard, waiting] = [[], []];
  const put = (x) => (waiting.length > 0 ? waiting.shift()(x) : heard.push(x));
  const next = () => (heard.length > 0 ? Promise.resolve(heard.shift()) : new Promise((resolve) => { waiting.push(resolve); }));
  const socket = new WebSocket(`${at.replace('http', 'ws')}/websocket`, ['v12.stomp'], { origin, headers: { host } });
  socket.on('message', (text) => put(parse(String(text))));
  socket.on('close', (code) => put({ code }));
  await new Promise((resolve, reject) => { socket.on('open', resolve).on('error', reject); });
  assert.equal(socket.protocol, 'v12.stomp');
  socket.send(frame('CONNECT', { 'accept-version': '1.2', host }));
  assert.equal((await next()).command, 'CONNECTED');
  for (const id of ['registration', 'authorization']) socket.send(frame('SUBSCRIBE', { id, destination: `/user/topic/${id}` }));
  socket.send(frame('SEND', { destination: '/app/registration', 'content-type': 'application/json' }, JSON.stringify({ webSocketId })));
  const told = async (topic) => {
    const { command, headers, body, code } = await next();
    if (code !== undefined) return { code };
    assert.deepEqual([command, headers.destination], ['MESSAGE', `/user/topic/${topic}`]);
    return JSON.parse(body);
  };
  assert.deepEqual(await told('registration'), { webSocketId, registrationSucceeded: true });
  return {
    async next() {
      const { webSocketId: of, authResult, code, ...more } = await told('authorization');
      if (code !== undefined) return code;
      assert.deepEqual([of, more], [webSocketId, {}], 'it is a notice only');
      return authResult;
    },
  };
}
