import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import decodeQR from 'qr/decode.js';
import { macOf } from '../src/bytes.js';
import { qrSVG } from '../src/index.js';
import { as, claimed, issuer, qrKey, ready, replace, rig, sessionId } from './rig.js';
import vectors from './testdata/formulas.json';

const mac = (message: string): string => createHmac('sha256', Buffer.from(qrKey, 'base64url')).update(message).digest('base64url').slice(0, 16);

test('codes of the moving QR code and of the hand-over are those of the vectors', async () => {
  assert.ok(vectors.qr.length > 0 && vectors.handover.length > 0);
  for (const v of vectors.qr) assert.equal(await macOf(v.qrKey)(`countersign-qr-v1\n${v.sessionId}\n${v.t}`), v.c);
  for (const v of vectors.handover) assert.equal(await macOf(v.qrKey)(`countersign-handover-v1\n${v.sessionId}`), v.h);
});

test('the QR text moves every second while there is something to scan', async (t) => {
  const r = rig(t);
  const login = r.login();
  assert.equal(await login.qrText(), '', 'nothing to scan before the start');
  const pending = await r.pending();
  for (const v of vectors.qr) {
    assert.equal(v.qrKey, qrKey);
    r.socket().say({ ...ready, elapsed: v.t });
    assert.equal(await pending.qrText(), `${issuer}/s/${sessionId}?t=${v.t}&c=${v.c}`);
  }
  r.socket().say({ ...ready, elapsed: 7 });
  await r.tick(3999);
  assert.equal(await pending.qrText(), `${issuer}/s/${sessionId}?t=10&c=${mac(`countersign-qr-v1\n${sessionId}\n10`)}`);
  r.socket().say(claimed);
  assert.equal(await pending.qrText(), '', 'nothing to scan once it is claimed');
});

test('the hand-over link is there where an app on this device may approve', async (t) => {
  const r = rig(t);
  const off = await r.pending();
  assert.equal(await off.handoverLink(), '', 'off by default on a service\'s page');
  const on = await r.pending({ sameDevice: true });
  const [v] = vectors.handover;
  assert.equal(await on.handoverLink(), `${r.requests(/initiate/).length === 2 ? `${issuer}/s/${as(on.state, 'pending').sessionId}` : ''}#h=${mac(`countersign-handover-v1\n${as(on.state, 'pending').sessionId}`)}`);
  const first = await rigLink(t);
  assert.equal(first, `${issuer}/s/${v!.sessionId}#h=${v!.h}`);
  on.cancel();
  assert.equal(await on.handoverLink(), '');
});

async function rigLink(t: Parameters<typeof rig>[0]): Promise<string> {
  let link = '';
  await t.test('on the issuer\'s own page by default', async (t) => {
    const r = rig(t);
    replace(t, 'location', { origin: issuer });
    link = await (await r.pending()).handoverLink();
  });
  return link;
}
