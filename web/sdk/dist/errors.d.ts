import type { LoginErrorCode, LoginErrorLike } from './types.js';
/** What a {@link LoginError} may tell beside its code. */
export interface LoginErrorDetail {
    /** The server's problem code. */
    problem?: string | undefined;
    /** Seconds to wait before the next try. */
    retryAfter?: number | undefined;
}
/** Why a login brought no result. Programs look at `code`; `message` is for developers, in English. */
export declare class LoginError extends Error implements LoginErrorLike {
    readonly code: LoginErrorCode;
    readonly problem?: string;
    readonly retryAfter?: number;
    constructor(code: LoginErrorCode, message: string, detail?: LoginErrorDetail);
}
