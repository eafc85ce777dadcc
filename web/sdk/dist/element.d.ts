import { CountersignLogin } from './element/component.js';
export { CountersignLogin };
export type { StartSession } from './element/component.js';
export { demoLogin, demoStates } from './element/demo.js';
export { languageTags } from './element/texts.js';
export * from './types.js';
declare global {
    interface HTMLElementTagNameMap {
        'countersign-login': CountersignLogin;
    }
    interface HTMLElementEventMap {
        'countersign-state': CustomEvent<import('./types.js').StateChange>;
        'countersign-approved': CustomEvent<import('./types.js').LoginResult>;
        'countersign-ended': CustomEvent<import('./types.js').LoginState>;
    }
}
