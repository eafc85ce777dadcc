type Child = Node | string;

/** Makes an element with a class and children; texts stay texts. */
export function el<K extends keyof HTMLElementTagNameMap>(tag: K, className = '', ...children: Child[]): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  if (className !== '') e.className = className;
  e.append(...children);
  return e;
}

/** Finds an element of the page, which index.html has. */
export function byID<T extends HTMLElement>(id: string, type: new () => T): T {
  const e = document.getElementById(id);
  if (!(e instanceof type)) throw new Error(`no ${id} in the page`);
  return e;
}
