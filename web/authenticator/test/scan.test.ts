import test from 'node:test';
import type { TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { scanCamera } from '../scan.js';

/** A page with a camera that counts how often it is on. */
function camera(t: TestContext, play: () => Promise<void> = () => Promise.resolve()) {
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  let on = 0;
  const open = async (): Promise<object> => {
    on++;
    await moment();
    return { getTracks: () => [{ stop: () => void on-- }] };
  };
  const detector = Object.assign(class { detect = async () => []; }, { getSupportedFormats: async () => ['qr_code'] });
  put(t, { document: page, navigator: { mediaDevices: { getUserMedia: open } }, BarcodeDetector: detector });
  const video = { srcObject: null, readyState: 0, HAVE_CURRENT_DATA: 2, play } as unknown as HTMLVideoElement;
  const turn = (to: 'visible' | 'hidden'): void => {
    page.visibilityState = to;
    page.dispatchEvent(new Event('visibilitychange'));
  };
  return { video, turn, on: () => on };
}

function put(t: TestContext, values: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(values)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    t.after(() => {
      if (before) Object.defineProperty(globalThis, name, before);
      else delete (globalThis as Record<string, unknown>)[name];
    });
  }
}

async function moment(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

test('the camera is off while the page is hidden and after the end, however often one looks away', async (t) => {
  const c = camera(t);
  const scanning = await scanCamera(c.video, () => false);
  assert.equal(c.on(), 1);
  for (const to of ['hidden', 'visible', 'hidden', 'visible'] as const) c.turn(to);
  await moment();
  await moment();
  assert.equal(c.on(), 1, 'one stream, however often it was asked for');
  c.turn('hidden');
  assert.equal(c.on(), 0);
  c.turn('visible');
  scanning.stop();
  await moment();
  await moment();
  assert.equal(c.on(), 0);
});

test('a page hidden while the camera is opened has it off', async (t) => {
  const c = camera(t);
  const begun = scanCamera(c.video, () => false);
  c.turn('hidden');
  const scanning = await begun;
  assert.equal(c.on(), 0);
  scanning.stop();
});

test('a camera whose picture cannot be shown is off', async (t) => {
  const c = camera(t, () => Promise.reject(new DOMException('removed', 'AbortError')));
  await assert.rejects(scanCamera(c.video, () => false), { message: 'busy' });
  assert.equal(c.on(), 0);
});
