import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import decodeQR from 'qr/decode.js';
import { macOf } from '../src/bytes.js';
import { qrSVG } from '../src/index.js';
import { claimed, issuer, qrKey, ready, replace, rig, sessionId, until } from './rig.js';
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
  await until('a socket', () => r.sockets.length === 1);
  for (const v of vectors.qr) {
    assert.equal(v.qrKey, qrKey);
    r.socket().say({ ...ready, elapsed: v.t });
    assert.equal(await login.qrText(), `${issuer}/s/${sessionId}?t=${v.t}&c=${v.c}`);
  }
  r.socket().say({ ...ready, elapsed: 7 });
  await r.tick(3999);
  assert.equal(await login.qrText(), `${issuer}/s/${sessionId}?t=10&c=${mac(`countersign-qr-v1\n${sessionId}\n10`)}`);
  r.socket().say(claimed);
  assert.equal(await login.qrText(), '', 'nothing to scan once it is claimed');
});

test('the hand-over link is not there by default on a service\'s page', async (t) => {
  const login = await rig(t).pending();
  assert.equal(await login.handoverLink(), '');
});

test('the hand-over link is there by default on the issuer\'s page, and where it is asked for', async (t) => {
  const [v] = vectors.handover;
  assert.equal(v!.sessionId, sessionId);
  for (const [name, origin, options] of [['issuer', issuer, {}], ['asked for', 'https://bank.example', { sameDevice: true }]] as const) {
    await t.test(name, async (t) => {
      const r = rig(t);
      replace(t, 'location', { origin });
      const login = await r.pending(options);
      assert.equal(await login.handoverLink(), `${issuer}/s/${sessionId}#h=${v!.h}`);
      login.cancel();
      assert.equal(await login.handoverLink(), '', 'nothing to approve');
    });
  }
});

/** As much of a document as drawing takes. */
class Drawn {
  readonly attributes: Record<string, string> = {};
  readonly children: Drawn[] = [];
  constructor(readonly name: string) {}
  setAttribute(name: string, value: string): void {
    this.attributes[name] = value;
  }
  append(...children: Drawn[]): void {
    this.children.push(...children);
  }
}

const paper = { createElementNS: (space: string, name: string) => new Drawn(`${space} ${name}`) } as unknown as Document;

/** Paints a path of `M x y h n v1 h-n z` as pixels, five to a module. */
function paint(root: Drawn): { width: number; height: number; data: Uint8Array } {
  const side = Number(root.attributes['viewBox']!.split(' ')[2]);
  const scale = 5;
  const width = side * scale;
  const data = new Uint8Array(width * width * 4).fill(255);
  const path = root.children.at(-1)!;
  const runs = [...path.attributes['d']!.matchAll(/M(\d+) (\d+)h(\d+)v1h-(\d+)z/g)];
  assert.equal(runs.map(([all]) => all).join(''), path.attributes['d']);
  for (const [, x, y, n, back] of runs) {
    assert.equal(n, back);
    for (let py = Number(y) * scale; py < (Number(y) + 1) * scale; py++) {
      const from = py * width + Number(x) * scale;
      for (let at = from; at < from + Number(n) * scale; at++) data.fill(0, at * 4, at * 4 + 3);
    }
  }
  return { width, height: width, data };
}

test('a drawn QR code reads as its text, dark on light with four light modules around', () => {
  const [v] = vectors.qr;
  const text = `${issuer}/s/${v!.sessionId}?t=${v!.t}&c=${v!.c}`;
  const root = qrSVG(text, paper) as unknown as Drawn;
  assert.equal(root.attributes['role'], 'img');
  assert.deepEqual(root.children.map((c) => c.name), ['http://www.w3.org/2000/svg rect', 'http://www.w3.org/2000/svg path']);
  assert.deepEqual(root.children.map((c) => c.attributes['fill']), ['#fff', '#000']);
  const image = paint(root);
  assert.equal(decodeQR(image), text);
  const dark = Array.from({ length: image.width * image.width }, (_, i) => i).filter((i) => image.data[i * 4] === 0);
  assert.equal(Math.min(...dark.map((i) => i % image.width)), 4 * 5);
  assert.equal(Math.min(...dark.map((i) => Math.floor(i / image.width))), 4 * 5);
  assert.equal(Math.max(...dark.map((i) => i % image.width)), image.width - 4 * 5 - 1);
});
