// /r/{id}#{code}: where an app on this device sends the browser back to. The service's own page goes on if it has one;
// else the tab with the hosted login page does, and this one says what became of it.
import { returnView } from '../sdk/src/element/returnview.js';
import type { Arrival } from '../sdk/src/element/returnview.js';
import { pageToResume } from '../sdk/src/handover.js';
import { finishReturn } from '../sdk/src/index.js';
import { idInPath, setScene } from './scene.js';

const codeForm = /^#([A-Za-z0-9_-]{43})$/;

/** Sends the code on to the service's page; a URL that is none of the web's is not followed. */
function goOn(returnURL: string, sessionId: string, code: string): boolean {
  const target = URL.canParse(returnURL) ? new URL(returnURL) : undefined;
  if (target?.protocol !== 'https:' && target?.protocol !== 'http:') return false;
  target.hash = `countersign-return=${sessionId}.${code}`;
  location.replace(target.href);
  return true;
}

async function arrive(sessionId: string): Promise<Arrival> {
  const code = codeForm.exec(location.hash)?.[1];
  if (code === undefined || sessionId === '') return 'incomplete';
  const returned = await finishReturn({ sessionId, code });
  return returned === 'none' ? 'incomplete' : returned;
}

async function run(main: HTMLElement): Promise<void> {
  const sessionId = main.dataset['session'] ?? idInPath(location.pathname);
  const returnURL = main.dataset['returnUrl'] ?? document.body.dataset['returnUrl'] ?? '';
  const code = codeForm.exec(location.hash)?.[1];
  if (returnURL !== '' && code !== undefined && goOn(returnURL, sessionId, code)) return;
  const { stage, scene } = setScene(main);
  const arrival = await arrive(sessionId);
  // The app took the place of the login page in this very tab: that page goes on, and finds the code.
  const page = arrival === 'waiting' ? pageToResume(sessionId) : undefined;
  if (page !== undefined) return location.replace(page);
  // The code has done its work, or never will; nobody should find it in the history.
  history.replaceState(history.state, '', location.pathname);
  stage.show(returnView(scene, arrival));
}

const main = document.getElementById('return');
if (main) void run(main);
