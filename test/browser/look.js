// What the tests look with; it is put into every page before the page's own scripts.
(() => {
  addEventListener('securitypolicyviolation', (e) => {
    console.error(`policy violated: ${e.effectiveDirective} by ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${e.sample}`);
  });

  const roots = function* (root) {
    yield root;
    for (const e of root.querySelectorAll('*')) if (e.shadowRoot) yield* roots(e.shadowRoot);
  };
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true });

  /** The first element of a selector, those that are shown first, also within shadow roots. */
  const find = (selector) => {
    let hidden = null;
    for (const root of roots(document)) {
      for (const e of root.querySelectorAll(selector)) {
        if (shown(e)) return e;
        hidden ??= e;
      }
    }
    return hidden;
  };

  /** The text that is shown, also within shadow roots, in the order of the document. */
  const text = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    if (node.nodeType !== Node.ELEMENT_NODE) return '';
    if (!shown(node) || ['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(node.tagName)) return '';
    const children = [...(node.shadowRoot ?? node).childNodes].map(text).join('');
    return getComputedStyle(node).display.startsWith('inline') ? children : `\n${children}\n`;
  };

  const topAt = (x, y) => {
    let e = document.elementFromPoint(x, y);
    while (e?.shadowRoot) {
      const inner = e.shadowRoot.elementFromPoint(x, y);
      if (inner === null || inner === e) break;
      e = inner;
    }
    return e;
  };
  const holds = (outer, inner) => {
    for (let e = inner; e; e = e.parentNode ?? e.host) if (e === outer) return true;
    return false;
  };

  const focused = () => {
    let e = document.activeElement;
    while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
    return e;
  };

  let aimed; // the element that is about to be pressed

  globalThis.look = {
    /** Waits until nothing fades or moves any more but what never ends. */
    still: async () => {
      const moving = () => [...roots(document)].flatMap((root) => root.getAnimations()).filter((a) => a.effect.getComputedTiming().iterations !== Infinity);
      const settled = Promise.allSettled(moving().map((a) => a.finished)).then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      // A page that is not painted has no frames: what moves on it does not come to its end.
      await Promise.race([settled, new Promise((done) => setTimeout(done, 1000))]);
      for (const a of moving()) a.finish();
    },
    find,
    text: () => text(document.body).replace(/[ \t\u00a0\u2066-\u2069]+/g, ' ').replace(/\s*\n\s*/g, '\n').trim(),
    of: (selector) => { const e = find(selector); return e && shown(e) ? text(e).replace(/\s+/g, ' ').trim() : null; },
    sees: (selector) => { const e = find(selector); return e !== null && shown(e); },
    /** Where to press an element; null while it cannot be pressed. */
    spot: (selector) => {
      const e = find(selector);
      if (!e || !shown(e) || e.disabled || e.getAttribute('aria-disabled') === 'true') return null;
      e.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
      const r = e.getBoundingClientRect();
      const [x, y] = [r.x + r.width / 2, r.y + r.height / 2];
      const top = topAt(x, y);
      if (!top || !holds(e, top)) return null;
      const aim = { hit: false };
      aimed = aim;
      e.addEventListener('click', () => { aim.hit = true; }, { capture: true, once: true });
      return [x, y];
    },
    /** Whether the element moved away from under the mouse; on another page there is none any more, so it was hit. */
    missed: () => aimed !== undefined && !aimed.hit,
    box: (selector) => { const r = find(selector).getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; },
    isFocused: (selector) => focused() === find(selector),
    focused: () => { const e = focused(); return e ? `${e.tagName.toLowerCase()} ${e.getAttribute('part') ?? e.dataset.testid ?? e.id} ${text(e).trim()}` : ''; },
  };
})();
