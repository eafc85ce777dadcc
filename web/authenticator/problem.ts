/**
 * The two ways in which a request can fail: the server said no, or nothing was heard.
 */

/** The members of the server's problem documents that this app looks at (RFC 9457). */
export interface ProblemMembers {
  readonly code: string;
  readonly status: number;
  readonly requestId?: string;
  /** `invalid_otp` only. */
  readonly attemptsRemaining?: number;
  /** `stale_timestamp` only, RFC 3339. */
  readonly serverTime?: string;
  /** Seconds, from the Retry-After header. */
  readonly retryAfter?: number;
}

/** The server said no, and why. Branch on `code`. */
export class Problem extends Error {
  constructor(readonly members: ProblemMembers) {
    super(members.code);
  }

  /** The stable part of the answer. */
  get code(): string {
    return this.members.code;
  }
}

/** No answer came, so whether the request had its effect is not known. Repeating the identical request is safe. */
export class NoAnswer extends Error {
  constructor(cause?: unknown) {
    super('no answer', { cause });
  }
}

/** Reads an answer that is not a good one. What is no problem document came from something on the way. */
export function toProblem(response: Response, text: string): Problem | NoAnswer {
  let body: Partial<Record<string, unknown>>;
  try {
    body = JSON.parse(text) as Partial<Record<string, unknown>>;
  } catch {
    return new NoAnswer(response.status);
  }
  const { code, requestId, attemptsRemaining, serverTime } = body;
  if (typeof code !== 'string') return new NoAnswer(response.status);
  const after = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
  return new Problem({
    code, status: response.status,
    ...(typeof requestId === 'string' ? { requestId } : {}),
    ...(typeof attemptsRemaining === 'number' ? { attemptsRemaining } : {}),
    ...(typeof serverTime === 'string' ? { serverTime } : {}),
    ...(Number.isNaN(after) ? {} : { retryAfter: after }),
  });
}
