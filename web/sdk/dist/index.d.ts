/**
 * Countersign in a web page: starts a login that the user approves on a phone, follows it, draws its QR code.
 *
 *     const login = startLogin({ issuer: 'https://login.example.com', serviceId: 'acme-bank' });
 *     login.addEventListener('state', () => show(login.state));
 *     const { jwt } = await login.result;
 *
 * @module
 */
export { LoginError } from './errors.js';
export type { LoginErrorDetail } from './errors.js';
export { finishReturn } from './handover.js';
export { startLogin } from './login.js';
export { qrSVG } from './qr.js';
export type * from './types.js';
