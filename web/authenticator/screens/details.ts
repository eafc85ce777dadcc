/**
 * The bytes that were signed last, for those who write an authenticator of their own.
 */
import type { App } from '../context.js';
import { asJSON } from '../visible.js';
import { h } from '../dom.js';

/** Opens a dialogue with the last signed text. It holds no secret but codes that are spent. */
export function showDetails(app: App): void {
  const { trace, enrolment } = app.state;
  const parts = trace === undefined ? [h('p', {}, 'Nothing was signed yet since this page was opened.')] : [
    h('p', {}, `Sent to ${trace.path}. These lines, joined by one line feed, were signed:`),
    h('pre', { 'data-testid': 'signed-text', tabindex: 0, 'aria-label': 'Signed text' }, trace.text),
    h('p', {}, 'Signature (raw r‖s, base64url):'),
    h('pre', { 'data-testid': 'signature', tabindex: 0, 'aria-label': 'Signature' }, trace.signature),
  ];
  if (enrolment !== undefined) {
    const { issuer, tokenId, deviceId, name, createdAt } = enrolment;
    parts.push(h('p', {}, 'This device:'), h('pre', { 'data-testid': 'me', tabindex: 0, 'aria-label': 'This device' }, asJSON({ issuer, tokenId, deviceId, name, createdAt })));
  }
  const dialog = h('dialog', { class: 'details', 'aria-labelledby': 'dialog-title', 'data-testid': 'details-dialog' },
    h('h2', { id: 'dialog-title' }, 'What was signed last'), ...parts,
    h('button', { type: 'button', class: 'button wide', 'data-testid': 'details-close', onclick: () => dialog.close() }, 'Close'));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
