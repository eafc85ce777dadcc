import { el } from './dom.js';
import { age } from './traffic.js';
import type { Session, Traffic } from './traffic.js';

/** The list to choose a session from. */
export interface Sessions {
  /** Brings the list up to date; chosen is a session's id, or empty. */
  draw(t: Traffic, chosen: string): void;
}

interface Item {
  readonly item: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly service: HTMLElement;
  readonly state: HTMLElement;
  readonly age: HTMLElement;
}

/** Fills a list of buttons, newest session first; choose is called with an id, or empty for all. */
export function sessions(list: HTMLElement, choose: (id: string) => void): Sessions {
  const items = new Map<string, Item>();
  const all = el('button', 'all', 'All traffic');
  all.type = 'button';
  all.addEventListener('click', () => choose(''));
  list.append(el('li', '', all));
  const draw = (t: Traffic, chosen: string): void => {
    current(all, chosen === '');
    for (const [id, i] of items) {
      if (t.sessions.has(id)) continue;
      i.item.remove();
      items.delete(id);
    }
    for (const s of t.sessions.values()) {
      let i = items.get(s.id);
      if (!i) {
        i = item(s.id, choose);
        items.set(s.id, i);
        all.parentElement?.after(i.item);
      }
      update(i, s, chosen);
    }
  };
  return { draw };
}

function current(button: HTMLElement, chosen: boolean): void {
  if (chosen) button.setAttribute('aria-current', 'true');
  else button.removeAttribute('aria-current');
}

function item(id: string, choose: (id: string) => void): Item {
  const [service, state, old] = [el('span', 'service'), el('span'), el('span', 'age')];
  const button = el('button', '', el('code', '', shortID(id)), state, service, old);
  button.type = 'button';
  button.title = id;
  button.addEventListener('click', () => choose(id));
  return { item: el('li', '', button), button, service, state, age: old };
}

function update(i: Item, s: Session, chosen: string): void {
  current(i.button, s.id === chosen);
  set(i.service, s.service);
  set(i.state, s.state);
  i.state.className = `badge ${s.state}`;
  i.state.hidden = s.state === '';
  set(i.age, age(s.since, Date.now()));
}

/** What has not changed is left alone, so that nothing is read out or drawn again. */
function set(e: HTMLElement, text: string): void {
  if (e.textContent !== text) e.textContent = text;
}

/** Gives enough of a session's id to know it again. */
export function shortID(id: string): string {
  return `${id.slice(0, 'sess_'.length + 6)}…`;
}
