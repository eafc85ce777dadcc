import type { Login, LoginOptions } from './types.js';
/**
 * Starts a login and follows it to its end. It returns at once, in the state `starting`; nothing is told before the
 * caller has had its turn to listen.
 */
export declare function startLogin(options: LoginOptions): Login;
