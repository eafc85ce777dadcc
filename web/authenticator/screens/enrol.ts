/**
 * The first start: makes a key and has the server take it.
 */
import type { App, Screen } from '../context.js';
import { h, isolated, machineName } from '../dom.js';
import { normaliseCode } from '../enrolmentcode.js';
import type { TypedCode } from '../enrolmentcode.js';
import { newKeys } from '../protocol.js';
import { explain } from '../words.js';

const wrongCode: Readonly<Record<Extract<TypedCode, { ok: false }>['why'], string>> = {
  letters: 'An enrolment code has only the letters A to Z and the digits 2 to 7.',
  length: 'An enrolment code has four groups of five characters.',
  checksum: 'There is a mistake in this code. Compare it once more.',
};

/** The enrolment; `prefilled` is the code of a link, `then` where to go afterwards. */
export function enrolScreen(app: App, prefilled: string, then: string): Screen {
  const typed = normaliseCode(prefilled);
  const code = h('input', { id: 'enrol-code', 'data-testid': 'enrol-code', autocomplete: 'off', autocapitalize: 'characters', spellcheck: 'false',
    placeholder: 'ABCDE-FGHIJ-KLMNO-PQRST', 'aria-describedby': 'code-help error', value: typed.ok ? typed.code : prefilled });
  const name = h('input', { id: 'device-name', 'data-testid': 'device-name', autocomplete: 'off', maxlength: 64, required: true, value: machineName(navigator.userAgent) });
  const error = h('p', { id: 'error', class: 'error', role: 'alert', 'data-testid': 'error' });
  const button = h('button', { type: 'submit', class: 'button strong wide', 'data-testid': 'enrol' }, 'Enrol this device');
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (button.disabled) return;
    error.textContent = '';
    const result = normaliseCode(code.value);
    if (!result.ok) {
      code.setAttribute('aria-invalid', 'true');
      error.textContent = wrongCode[result.why];
      return code.focus();
    }
    code.removeAttribute('aria-invalid');
    code.value = result.code;
    button.disabled = true;
    try {
      await enrol(app, result.code, cleanName(name.value));
      app.say('This device is enrolled.');
      app.go(then);
    } catch (failure) {
      error.textContent = explain(failure, 'enrol');
    } finally {
      button.disabled = false;
    }
  };
  const form = h('form', { novalidate: true, onsubmit: (e) => void submit(e) },
    h('label', { for: 'enrol-code' }, 'Enrolment code'), code,
    h('p', { id: 'code-help', class: 'help' }, 'You get it from whoever runs this login server, or from a device of yours that is enrolled. Leave it empty only on a development server.'),
    h('label', { for: 'device-name' }, 'Name of this device'), name,
    h('p', { class: 'help' }, 'You will see it in the list of your devices.'),
    error, button);
  return {
    title: 'Make this device your key',
    body: [
      h('p', {}, 'This app approves logins and payments for you. It makes a key that never leaves this browser, and the login server ',
        isolated(app.issuer), ' learns to know it.'),
      form,
    ],
  };
}

/** A name as the server takes it: nothing invisible, not empty, at most 64 characters. */
export function cleanName(typed: string): string {
  const name = [...typed.normalize('NFC').replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '').trim()].slice(0, 64).join('');
  return name === '' ? machineName(navigator.userAgent) : name;
}

async function enrol(app: App, code: string, deviceName: string): Promise<void> {
  const keys = await newKeys();
  // A browser that keeps nothing must be found out before the code is spent.
  await app.store.probe(keys);
  const { issuer, client } = app;
  const { tokenId, deviceId, createdAt } = await client.enrol({ issuer, code, keys, deviceName, platform: machineName(navigator.userAgent) });
  await app.join({ issuer, tokenId, deviceId, name: deviceName, createdAt, keys });
  // Asked so that the browser does not clear the key away when space is short. Some browsers ask the user first, which
  // nothing has to wait for.
  navigator.storage?.persist?.().catch(() => false);
  app.lookAtDevices().catch(() => undefined); // only so that later devices are seen to be new
}
