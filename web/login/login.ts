// The hosted login page: the server writes the element with who asks for what; the address may only choose a language
// where the server has not.
import { define } from '../sdk/src/element/component.js';

const element = document.querySelector('countersign-login');
const address = new URLSearchParams(location.search);

if (element) {
  const setDefault = (name: string, value: string | null): void => {
    if (value !== null && value !== '' && !element.hasAttribute(name)) element.setAttribute(name, value);
  };
  // OpenID Connect's ui_locales is a list, the dearest first; the element asks for one, and then the browser's.
  if (!element.closest('[lang]')) setDefault('lang', address.get('ui_locales')?.split(' ')[0] ?? null);
  setDefault('heading-level', '1');
  setDefault('back-cancels', 'true');
}

// Only now, so that the element starts with these attributes.
define();
