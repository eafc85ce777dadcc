import type { Canceller, Mode, Reason } from './types.js';
/** The server's messages, as in the protocol's section 4. */
export type Message = {
    readonly type: 'otp_ready';
    readonly id: number;
    readonly autoPassword: string;
    readonly expiresAt: string;
    readonly mode: Mode;
    readonly elapsed: number;
} | {
    readonly type: 'claimed';
    readonly id: number;
    readonly platform: string;
    readonly deviceName?: string;
} | {
    readonly type: 'rejected';
    readonly id: number;
    readonly reason: Reason;
    readonly final: boolean;
    readonly attemptsRemaining: number;
} | {
    readonly type: 'approved';
    readonly id: number;
    readonly jwt?: string;
    readonly hash?: string;
    readonly random?: string;
    readonly expiresAt?: string;
} | {
    readonly type: 'expired';
    readonly id: number;
} | {
    readonly type: 'cancelled';
    readonly id: number;
    readonly by: Canceller;
};
/**
 * Whether this is a message we know. Its members are the server's word and not checked one by one; a type of a later
 * protocol is not an error, only nothing to us.
 */
export declare function isMessage(value: unknown): value is Message;
/** Parses JSON text; undefined if it is none. */
export declare function parse(text: string): unknown;
