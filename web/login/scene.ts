// What the login pages that are no login themselves share: words in the page's language on the element's stage.
import { makeStage } from '../sdk/src/element/stage.js';
import type { Stage } from '../sdk/src/element/stage.js';
import { chooseLanguage, wishesOf } from '../sdk/src/element/texts.js';
import type { Scene } from '../sdk/src/element/view.js';

/** Prepares the page's main element to show views, in the language the server chose or else the browser's. */
export function setScene(main: HTMLElement): { stage: Stage; scene: Scene } {
  const language = chooseLanguage([main.dataset['lang'], ...wishesOf(main)]);
  const brand = { service: '', logo: '', ask: '', approval: false, headingLevel: 1, demo: false, endsHere: true };
  const stage = makeStage(main);
  stage.speak(language);
  return { stage, scene: { ...language, brand } };
}

/** The last step of the path, a session's id: `/s/{id}`, `/r/{id}`. */
export function idInPath(path: string): string {
  return path.split('/').filter((step) => step !== '').at(-1) ?? '';
}
