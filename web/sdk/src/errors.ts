import type { LoginErrorCode, LoginErrorLike } from './types.js';

/** What a {@link LoginError} may tell beside its code. */
export interface LoginErrorDetail {
  /** The server's problem code. */
  problem?: string | undefined;
  /** Seconds to wait before the next try. */
  retryAfter?: number | undefined;
}

/** Why a login brought no result. Programs look at `code`; `message` is for developers, in English. */
export class LoginError extends Error implements LoginErrorLike {
  readonly code: LoginErrorCode;
  // Only declared: an absent detail is no own member, so that errors compare and print without it.
  declare readonly problem?: string;
  declare readonly retryAfter?: number;

  constructor(code: LoginErrorCode, message: string, detail: LoginErrorDetail = {}) {
    super(message);
    this.name = 'LoginError';
    this.code = code;
    if (detail.problem !== undefined) this.problem = detail.problem;
    if (detail.retryAfter !== undefined) this.retryAfter = detail.retryAfter;
  }
}
