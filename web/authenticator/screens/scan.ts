/**
 * Reads the moving QR code of a login page, by camera or as a pasted text.
 */
import type { App, Screen } from '../context.js';
import { visibleAddress } from '../visible.js';
import { h, linkButton } from '../dom.js';
import { readText } from '../qrtext.js';
import { scanCamera } from '../scan.js';
import type { CameraTrouble, Scanning } from '../scan.js';

const troubles: Readonly<Record<CameraTrouble, string>> = {
  denied: 'This app may not use the camera. Allow it in the browser’s settings for this page, or paste the text of the code below.',
  missing: 'This device has no camera. Paste the text of the code below.',
  busy: 'The camera cannot be used at the moment; another program may have it. Close that, or paste the text of the code below.',
  unsupported: 'This browser gives this page no camera. Paste the text of the code below.',
};

/** The camera's picture, and a field for those who cannot scan. */
export function scanScreen(app: App): Screen {
  const error = h('p', { id: 'error', class: 'error', role: 'alert', 'data-testid': 'error' });
  const camera = h('p', { class: 'help', role: 'status', 'data-testid': 'camera' }, 'Starting the camera…');
  const video = h('video', { class: 'camera', playsinline: true, 'aria-label': 'The camera’s picture', 'data-testid': 'video' });
  video.muted = true;
  const text = h('textarea', { id: 'qr-text', 'data-testid': 'qr-text', rows: 3, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', 'aria-describedby': 'paste-help' });
  let scanning: Scanning | undefined;
  let left = false;
  let refused = '';
  const stop = (): void => {
    left = true;
    scanning?.stop();
  };
  const read = (seen: string): boolean => {
    const trouble = take(app, seen);
    if (trouble === '') return true;
    // Said once for each code, not ten times a second while the camera looks at it.
    if (refused !== seen) error.textContent = trouble;
    refused = seen;
    return false;
  };
  void scanCamera(video, read).then((started) => {
    scanning = started;
    camera.textContent = 'Point the camera at the code on the screen where you began.';
    if (left) started.stop();
  }).catch((failure: unknown) => {
    const why = failure instanceof Error ? failure.message : '';
    camera.textContent = Object.hasOwn(troubles, why) ? troubles[why as CameraTrouble] : troubles.busy;
    video.hidden = true;
  });
  const paste = (event: Event): void => {
    event.preventDefault();
    error.textContent = text.value.trim() === '' ? 'Paste the text of the code first.' : take(app, text.value);
    if (error.textContent !== '') text.focus();
  };
  return {
    title: 'Scan a code',
    body: [
      video, camera, error,
      h('form', { novalidate: true, onsubmit: paste },
        h('label', { for: 'qr-text' }, 'Or paste the text of the code'), text,
        h('p', { id: 'paste-help', class: 'help' }, 'A moving code counts for a few seconds only.'),
        h('button', { type: 'submit', class: 'button wide', 'data-testid': 'paste' }, 'Use this text')),
      linkButton('#/', 'Back', { class: 'button wide' }),
    ],
    leave: stop,
  };
}

/** Opens what a text says; returns what is wrong with it, or nothing. */
function take(app: App, seen: string): string {
  const read = readText(seen, app.issuer);
  switch (read.kind) {
    case 'session':
      app.state.scans.set(read.sessionId, read.scan);
      app.go(`#/s/${read.sessionId}`);
      return '';
    case 'offline':
      app.state.question = read.text;
      app.go('#/offline');
      return '';
    case 'foreign':
      return `This code is of another login server, ${visibleAddress(read.issuer)}. This app is enrolled with ${visibleAddress(app.issuer)} only, so nothing was opened.`;
    case 'enrol':
      return 'This is a code for enrolling a new device. This one is enrolled already.';
    case 'unknown':
      return 'This is not a code of a login. Look for the moving code on the screen where you began.';
  }
}
