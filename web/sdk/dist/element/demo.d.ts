import type { Returned, Login } from '../types.js';
/** The names the element's `demo` attribute knows. */
export declare const demoStates: readonly string[];
/** What a demo of a coming back shows; undefined for the other states. */
export declare function demoReturn(name: string): Exclude<Returned, 'none'> | undefined;
/** A login that stands in the named state and does on request what a real one would, without a server. */
export declare function demoLogin(name: string): Login;
