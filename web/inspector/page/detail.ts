import { curl } from './curl.js';
import { el } from './dom.js';
import { bytesOf, signedText } from './entry.js';
import type { Entry, Exchange, Headers, SignedText, Text } from './entry.js';
import { hidden, pretty } from './json.js';
import { hexDump, labelled } from './signed.js';

/** Tells the user something, as a screen reader hears it too. */
export type Tell = (text: string) => void;

/** Builds what an entry shows when it is opened. */
export function detail(e: Entry, tell: Tell): Node[] {
  if (e.request) return exchange(e.request, tell);
  if (e.message) return body(`Message ${e.message.id}`, e.message.frame);
  if (e.device) return [facts([['tokenId', e.device.token], ['deviceId', e.device.device]]), ...body('Frame', e.device.frame)];
  if (e.event) return [facts(Object.entries(e.event).map(([k, v]) => [k, String(v)] as const))];
  if (e.signed) return signed(e.signed);
  if (e.closed) return [facts([['path', e.closed.path], ['open for', `${e.closed.millis} ms`], ['close code', ending(e.closed.code)], ['reason', e.closed.reason ?? '']])];
  return [];
}

function ending(code: number | undefined): string {
  return code === undefined ? 'none: the connection or the stream just ended' : String(code);
}

function exchange(r: Exchange, tell: Tell): Node[] {
  const out: Node[] = [facts([['url', r.url], ['from', r.from], ['status', statusOf(r)], ['took', r.open ? `${r.millis} ms to open` : `${r.millis} ms`]])];
  if (r.static) return [...out, el('p', 'note', 'A static file: no more of it is recorded.')];
  if (r.status !== 101) out.push(copy(r, tell));
  out.push(...headers('Request headers', r.requestHeaders), ...body('Request body', r.requestBody));
  out.push(...headers('Response headers', r.responseHeaders), ...body('Response body', r.responseBody));
  return out;
}

function statusOf(r: Exchange): string {
  return r.aborted ? 'none: the handler gave up' : String(r.status);
}

function copy(r: Exchange, tell: Tell): HTMLElement {
  const button = el('button', '', 'Copy as curl');
  button.type = 'button';
  const shown = el('div');
  button.addEventListener('click', () => {
    const command = curl(r);
    shown.replaceChildren(code(command, 'The request as a curl command'));
    navigator.clipboard.writeText(command).then(
      () => tell('copied as curl'),
      () => tell('the browser does not let this page copy; the command is shown instead'),
    );
  });
  return el('div', 'copy', button, shown);
}

function facts(list: readonly (readonly [string, string])[]): HTMLElement {
  const dl = el('dl');
  for (const [name, value] of list) if (value !== '') dl.append(el('div', '', el('dt', '', name), el('dd', '', value)));
  return dl;
}

function headers(title: string, list: Headers | undefined): Node[] {
  return list && list.length > 0 ? [el('h3', '', title), facts(list)] : [];
}

function body(title: string, t: Text | undefined): Node[] {
  if (!t) return [];
  const out: Node[] = [el('h3', '', title), code(pretty(t.text), title)];
  if (t.cut) out.push(el('p', 'note', 'Longer than what is kept: the rest was cut.'));
  for (const f of hidden(t.text)) out.push(el('h4', '', f.label), code(f.text, f.label));
  return out;
}

/** A box of code scrolls, so a keyboard must reach it. */
function code(text: string, label: string): HTMLElement {
  const pre = el('pre', '', text);
  pre.tabIndex = 0;
  pre.setAttribute('role', 'group');
  pre.setAttribute('aria-label', label);
  return pre;
}

function signed(s: SignedText): Node[] {
  const list = el('ol', 'lines');
  for (const l of labelled(signedText(s))) {
    const value = l.value === '' ? el('em', '', 'empty') : el('code', '', l.value);
    list.append(el('li', '', el('span', 'label', l.label), value));
  }
  const bytes = bytesOf(s.bytes);
  return [
    el('p', s.good ? 'good' : 'bad', s.good ? 'The signature is good.' : 'The signature is not good over these bytes, which are what the server expected to be signed.'),
    el('h3', '', 'Lines'), list,
    facts([['SHA-256', s.sha256], ['length', `${bytes.length} bytes`]]),
    el('h3', '', 'Bytes'), code(hexDump(bytes), 'The signed bytes in hexadecimal'),
  ];
}
