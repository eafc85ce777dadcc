import { byID } from './dom.js';
import type { Entry } from './entry.js';
import { sessions, shortID } from './sessions.js';
import { timeline } from './timeline.js';
import { forget, noTraffic, take } from './traffic.js';
import type { Choice } from './traffic.js';

const traffic = noTraffic();
const choice: Choice = { session: '', filter: '', statics: false };
const pause = byID('pause', HTMLButtonElement);
const state = byID('status', HTMLElement);
let connection = 'connecting';
let telling = 0;
/** Tells something for a while, and then how the connection is again. */
const tell = (text: string): void => {
  window.clearTimeout(telling);
  telling = window.setTimeout(() => status(), 8000);
  state.textContent = text;
};
const lines = timeline(byID('timeline', HTMLOListElement), byID('empty', HTMLElement), choice, tell);
const list = sessions(byID('sessions', HTMLUListElement), choose);

/** Entries that came while the timeline was paused, or since it was last drawn. */
let waiting: Entry[] = [];
let dropped: Entry[] = [];
let timer = 0;
let paused = false;
let run = '';

function status(now?: string): void {
  connection = now ?? connection;
  window.clearTimeout(telling);
  if (state.textContent !== connection) state.textContent = connection;
}

function choose(id: string): void {
  choice.session = id;
  byID('title', HTMLElement).textContent = id === '' ? 'All traffic' : `Session ${id}`;
  document.title = `${id === '' ? '' : `${shortID(id)} · `}Countersign inspector`;
  redraw();
}

/** Shows everything anew, also what came during a pause. */
function redraw(): void {
  waiting = [];
  dropped = [];
  lines.show(traffic.entries);
  list.draw(traffic, choice.session);
  label();
}

function label(): void {
  pause.textContent = paused ? `Resume${waiting.length > 0 ? ` (${waiting.length} new)` : ''}` : 'Pause';
  pause.setAttribute('aria-pressed', String(paused));
}

/** Draws what came, all of one moment at once. */
function draw(): void {
  timer = 0;
  list.draw(traffic, choice.session);
  label();
  if (paused) return;
  lines.follow(() => {
    for (const e of waiting) lines.add(e);
    for (const e of dropped) lines.drop(e);
  });
  waiting = [];
  dropped = [];
}

function soon(): void {
  if (timer === 0) timer = window.setTimeout(draw, 50);
}

function heard(e: Entry): void {
  const old = take(traffic, e);
  waiting.push(e);
  if (old) {
    const undrawn = waiting.indexOf(old);
    if (undrawn < 0) dropped.push(old);
    else waiting.splice(undrawn, 1);
  }
  soon();
}

function clear(): void {
  forget(traffic);
  if (choice.session === '') redraw();
  else choose('');
}

/** Follows the server; EventSource comes back by itself and says what it has seen. */
function follow(): void {
  const source = new EventSource('/events');
  source.addEventListener('open', () => status('live'));
  source.addEventListener('error', () => status('the server is gone; trying again'));
  source.addEventListener('begin', (m: MessageEvent<string>) => {
    const begun = (JSON.parse(m.data) as { run: string }).run;
    if (run !== '' && begun !== run) clear(); // another server's numbers and sessions
    run = begun;
  });
  source.addEventListener('gap', (m: MessageEvent<string>) => {
    tell(`${(JSON.parse(m.data) as { missed: number }).missed} earlier entries are no longer kept`);
  });
  source.addEventListener('message', (m: MessageEvent<string>) => heard(JSON.parse(m.data) as Entry));
}

byID('filter', HTMLInputElement).addEventListener('input', (e) => {
  choice.filter = (e.target as HTMLInputElement).value.trim();
  redraw();
});
byID('static', HTMLInputElement).addEventListener('change', (e) => {
  choice.statics = (e.target as HTMLInputElement).checked;
  redraw();
});
pause.addEventListener('click', () => {
  paused = !paused;
  label();
  if (!paused) draw();
});
byID('clear', HTMLButtonElement).addEventListener('click', clear);
window.setInterval(() => list.draw(traffic, choice.session), 1000); // ages
redraw();
follow();
