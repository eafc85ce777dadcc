/** How the code travels to the phone; see the protocol's section 3. */
export type Mode = 'enter' | 'scan' | 'compare';
/** Why a verification did not approve, word for word as the server says it. */
export type Reason = 'Invalid signature' | 'Invalid OTP' | 'Too many attempts' | 'Declined' | 'Reported';
/** Who cancelled a session. */
export type Canceller = 'page' | 'service' | 'admin' | 'replaced';
/** How news of the session come in at the moment; `none` while the page is trying to connect. */
export type Connection = 'websocket' | 'events' | 'poll' | 'none';
/** What is known of a session that is not over. */
export interface OpenSession {
    readonly sessionId: string;
    readonly mode: Mode;
    /** The code as it may be shown: six digits, or masked (`4829**`) once the server said so. */
    readonly code: string;
    /** When the session ends, in milliseconds of this machine's clock as `Date.now()` gives them. */
    readonly endsAt: number;
    readonly connection: Connection;
    /** The last try on the phone that failed with tries left. */
    readonly failed?: {
        readonly reason: Reason;
        readonly attemptsRemaining: number;
    };
}
/**
 * Where a login stands: the protocol's states, and what only a page can be in.
 *
 *     starting ─→ pending ─→ claimed ─→ approved | rejected | expired | cancelled
 *                    └────── elsewhere (another tab took over; takeBack() returns)
 *     failed: the login could not be started or followed; see its error
 */
export type LoginState = {
    readonly name: 'starting';
} | ({
    readonly name: 'pending';
} & OpenSession) | ({
    readonly name: 'claimed';
    readonly platform: string;
    readonly deviceName?: string;
} & OpenSession) | ({
    readonly name: 'elsewhere';
} & OpenSession) | {
    readonly name: 'approved';
    readonly result: LoginResult;
} | {
    readonly name: 'rejected';
    readonly reason: Reason;
} | {
    readonly name: 'expired';
} | {
    readonly name: 'cancelled';
    readonly by: Canceller;
} | {
    readonly name: 'failed';
    readonly error: LoginErrorLike;
};
/** What an approved login brings. All but `sessionId` are empty when the session belongs to OIDC, CIBA or an operation. */
export interface LoginResult {
    readonly sessionId: string;
    /** The ES256 token. A back end that takes it from a page must compare its `nonce` or `client_nonce`. */
    readonly jwt: string;
    /** Lets the service's back end, and nobody else, check that the message is the server's. */
    readonly hash: string;
    readonly random: string;
    /** When the token expires, RFC 3339. */
    readonly expiresAt: string;
}
/**
 * Why a login did not bring a result:
 *
 * - `cancelled`, `expired`, `rejected`: the session ended so
 * - `refused`: the server does not start sessions for this page; see `problem`
 * - `limited`: too many starts; see `retryAfter`
 * - `network`: the server cannot be reached
 * - `lost`: the session is unknown to the server, or may not be watched from here
 * - `unsupported`: this browser lacks what the login needs, such as a secure context
 */
export type LoginErrorCode = 'cancelled' | 'expired' | 'rejected' | 'refused' | 'limited' | 'network' | 'lost' | 'unsupported';
/** The members of a {@link LoginError}, apart so that types need no class. */
export interface LoginErrorLike {
    readonly code: LoginErrorCode;
    readonly message: string;
    /** The server's problem code, such as `scope_not_allowed`. */
    readonly problem?: string;
    /** Seconds to wait before the next try. */
    readonly retryAfter?: number;
}
/** What POST /auth/initiate answers, without `random` if a back end asked. */
export interface Started {
    readonly sessionId: string;
    readonly autoPassword: string;
    readonly wsToken: string;
    readonly expiresAt: string;
    readonly wsUrl: string;
    readonly qrKey: string;
    readonly qrUrl: string;
    readonly mode: Mode;
    readonly random?: string;
}
/** What to start, and with what. */
export interface LoginOptions {
    /** The server's base URL, as in discovery: `https://login.example.com`. */
    issuer: string;
    /** The service to log in to. Not needed with `start`. */
    serviceId?: string;
    /** Who is asked to approve; without it whoever scans the code. */
    tokenId?: string;
    scopes?: readonly string[];
    mode?: Mode;
    /** Copied into the token as `client_nonce`. */
    clientNonce?: string;
    /**
     * Starts the session some other way than from this page, such as by the service's own back end, which passes the
     * challenge on and answers what the server answered, without `random`. Called again by `restart()`.
     */
    start?: (challenge: string, signal: AbortSignal) => Promise<Started>;
    /**
     * Whether the user may approve in an app on this same device: the service must have a `returnURL` on this page's
     * origin, or the page be the issuer's own. Default: whether this page is the issuer's.
     */
    sameDevice?: boolean;
    /** Used instead of the browser's; for tests and odd surroundings. */
    fetch?: typeof globalThis.fetch;
    WebSocket?: typeof globalThis.WebSocket;
    /** Told what happens, step by step; never a secret. `true`: console.debug. */
    debug?: boolean | ((line: string) => void);
    /** Ends the login like `cancel()`. */
    signal?: AbortSignal;
}
/** The `detail` of a `state` event. */
export interface StateChange {
    readonly state: LoginState;
    readonly previous: LoginState;
}
/**
 * A login under way. It is an EventTarget: `state` events are CustomEvents with a {@link StateChange} as detail.
 */
export interface Login extends EventTarget {
    readonly state: LoginState;
    /** Settles at the end: with the result, or rejected with a LoginError. After `restart()` it is the new try's. */
    readonly result: Promise<LoginResult>;
    /** What the QR code says at this moment, or '' when there is nothing to scan. It changes every second. */
    qrText(): Promise<string>;
    /** The link that opens an app on this device, or '' when `sameDevice` is off or there is nothing to approve. */
    handoverLink(): Promise<string>;
    /** To be called when the user follows the link, so that this tab finishes when the app sends the browser back. */
    handedOver(): void;
    /** Gives up. The page is in its end state at once; the server is told if it can be reached. Never throws. */
    cancel(): void;
    /** Ends this session and starts another in its place: "need more time?", "try again". */
    restart(): void;
    /** Takes the session back from the tab that took it over. */
    takeBack(): void;
}
/**
 * What became of a browser's coming back from an app: `finished`: the tab that started the login goes on and this one
 * may be closed; `waiting`: that tab exists in this browser but is asleep, and goes on once the user looks at it;
 * `stranger`: the login was started in another browser, so nothing happens here; `none`: this is no such coming back.
 */
export type Returned = 'finished' | 'waiting' | 'stranger' | 'none';
