// How the element looks. Colours are custom properties whose defaults follow the page's colour scheme; everything is
// in logical properties, so that right-to-left languages need no rules of their own.

/** The style sheet of the element's shadow root. */
export const styles = `
:host {
  --_accent: var(--countersign-accent, #1f4fbf);
  --_on-accent: var(--countersign-on-accent, #ffffff);
  --_surface: var(--countersign-surface, #ffffff);
  --_text: var(--countersign-text, #131a26);
  --_muted: var(--countersign-muted, #566173);
  --_danger: var(--countersign-danger, #b3261e);
  --_good: #17693c;
  --_line: color-mix(in srgb, var(--_text) 16%, var(--_surface));
  --_edge: color-mix(in srgb, var(--_text) 52%, var(--_surface));
  --_soft: color-mix(in srgb, var(--_text) 4%, var(--_surface));
  --_radius: var(--countersign-radius, 14px);
  color-scheme: light dark;
  display: block;
  container-type: inline-size;
  font: 400 1rem/1.5 var(--countersign-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans Arabic", sans-serif);
  color: var(--_text);
}
@supports (color: light-dark(red, red)) {
  :host {
    --_accent: var(--countersign-accent, light-dark(#1f4fbf, #9dbdff));
    --_on-accent: var(--countersign-on-accent, light-dark(#ffffff, #0b1730));
    --_surface: var(--countersign-surface, light-dark(#ffffff, #191e27));
    --_text: var(--countersign-text, light-dark(#131a26, #eaeef5));
    --_muted: var(--countersign-muted, light-dark(#566173, #a9b4c4));
    --_danger: var(--countersign-danger, light-dark(#b3261e, #ffb0a8));
    --_good: light-dark(#17693c, #86d9a5);
  }
}
:host([hidden]), [hidden] { display: none !important; }
:host([theme=light]) { color-scheme: light; }
:host([theme=dark]) { color-scheme: dark; }
*, ::before, ::after { box-sizing: border-box; }

.panel {
  max-inline-size: 27rem;
  margin-inline: auto;
  padding: clamp(1.25rem, 6cqi, 2.25rem);
  background: var(--_surface);
  border: 1px solid var(--_line);
  border-radius: var(--_radius);
  box-shadow: 0 1px 2px rgb(0 0 0 / .05), 0 12px 32px -12px rgb(0 0 0 / .18);
  overflow-wrap: anywhere;
}
p, h1, h2, h3, h4, h5, h6 { margin: 0; }
p { text-wrap: pretty; }
.demo {
  margin-block-end: 1.25rem;
  padding: .375rem .75rem;
  border: 1px dashed var(--_edge);
  border-radius: calc(var(--_radius) / 2);
  color: var(--_muted);
  font-size: .875rem;
  text-align: center;
}
.header { display: flex; align-items: center; gap: .75rem; margin-block-end: 1rem; color: var(--_muted); font-weight: 500; }
.header p { min-inline-size: 0; }
.logo { block-size: 2.5rem; max-inline-size: 11rem; object-fit: contain; flex: none; }
.monogram {
  flex: none; display: grid; place-items: center; inline-size: 2.5rem; block-size: 2.5rem;
  border-radius: calc(var(--_radius) * .7); background: var(--_accent); color: var(--_on-accent);
  font-size: 1.125rem; font-weight: 650; border: 1px solid transparent;
}
[part=title] { font-size: clamp(1.25rem, 7cqi, 1.5rem); line-height: 1.25; font-weight: 650; letter-spacing: -.01em; text-wrap: balance; }
[dir=rtl] [part=title] { letter-spacing: 0; }
[part=title]:focus { outline: none; }
[part=title] + * { margin-block-start: .625rem; }
.panel p + p { margin-block-start: .5rem; }
.ask { font-weight: 600; }
.help { color: var(--_muted); font-size: .9375rem; }
.busy { display: flex; align-items: center; gap: .75rem; color: var(--_muted); }
.spinner { inline-size: 1.25rem; block-size: 1.25rem; border-radius: 50%; border: 2px solid var(--_line); border-block-start-color: var(--_accent); animation: turn 1s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }

.ways { display: grid; gap: 1.25rem; margin-block-start: 1.25rem; }
.code-box {
  display: flex; flex-direction: column; align-items: center; justify-content: center; gap: .875rem;
  padding: 1.25rem 1rem; background: var(--_soft); border: 1px solid var(--_line); border-radius: calc(var(--_radius) * .8);
}
.claimed .code-box { margin-block-start: 1.25rem; }
.code { font-size: clamp(2.25rem, 13cqi, 3.25rem); line-height: 1.1; font-weight: 650; font-variant-numeric: tabular-nums lining-nums; }
.digits { display: inline-flex; gap: .35em; unicode-bidi: isolate; letter-spacing: .04em; user-select: all; white-space: nowrap; }
.qr-box { display: grid; justify-items: center; gap: .75rem; text-align: center; }
.qr {
  inline-size: min(100%, 14.5rem); aspect-ratio: 1; padding: 0; background: #fff; color: #000;
  border: 1px solid var(--_line); border-radius: calc(var(--_radius) * .8); overflow: hidden; forced-color-adjust: none;
}
.qr svg { display: block; inline-size: 100%; block-size: 100%; }
.qr-box .help { max-inline-size: 34ch; }

.this-device { display: grid; gap: .625rem; margin-block: 1.25rem; }
.fold { margin-block-start: 1.25rem; border: 1px solid var(--_line); border-radius: calc(var(--_radius) * .7); }
.ways > .fold { margin-block-start: 0; }
.fold summary { padding: .75rem 1rem; min-block-size: 2.75rem; cursor: pointer; font-weight: 500; border-radius: calc(var(--_radius) * .7); }
.folded { display: grid; gap: .875rem; padding: .25rem 1rem 1.125rem; }

.trouble p:empty { display: none; }
.trouble p { margin-block-start: 1rem; color: var(--_muted); }
.trouble .failed {
  padding: .75rem 1rem; color: var(--_danger); font-weight: 550; border: 1px solid currentColor; border-inline-start-width: 4px;
  border-radius: calc(var(--_radius) * .6); background: color-mix(in srgb, var(--_danger) 6%, var(--_surface));
}
.foot { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .75rem 1rem; margin-block: 1.25rem -.5rem; }
.time { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; min-block-size: 2.75rem; }
.timer { color: var(--_muted); }
.clock { display: inline-block; color: var(--_text); font-weight: 600; font-variant-numeric: tabular-nums; unicode-bidi: isolate; }
.ending .clock { color: var(--_danger); }

button, a.primary, a.secondary {
  display: inline-block; min-block-size: 2.75rem; padding: .625rem 1.125rem; font: inherit; font-weight: 600; line-height: 1.3;
  text-align: center; text-decoration: none; cursor: pointer; border: 1px solid transparent; border-radius: calc(var(--_radius) * .7);
  transition: background-color .12s;
}
.primary { background: var(--_accent); color: var(--_on-accent); }
.primary:hover { background: color-mix(in srgb, var(--_accent) 88%, var(--_text)); }
.secondary { background: var(--_surface); color: var(--_text); border-color: var(--_edge); }
.quiet { background: transparent; color: var(--_text); border-color: transparent; text-decoration: underline; text-underline-offset: .2em; text-decoration-thickness: 1px; padding-inline: .75rem; margin-inline: auto -.75rem; }
.secondary:hover, .quiet:hover, summary:hover { background: var(--_soft); }
button:disabled { background: var(--_soft); color: var(--_muted); border-color: var(--_line); cursor: default; }
.quiet:disabled { background: transparent; border-color: transparent; text-decoration: none; }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; }

.message-panel { text-align: center; }
.message-panel .header { justify-content: center; }
.message-panel .foot { justify-content: center; margin-block: 1.5rem .25rem; }
.message-panel .foot .primary { min-inline-size: 12rem; }
.icon { inline-size: 3.5rem; block-size: 3.5rem; margin: .5rem auto 1rem; padding: .8rem; border-radius: 50%; color: var(--_muted); background: color-mix(in srgb, currentColor 12%, var(--_surface)); border: 1px solid transparent; }
.icon svg { display: block; fill: none; stroke: currentColor; stroke-width: 2.25; stroke-linecap: round; stroke-linejoin: round; }
.icon.yes { color: var(--_good); }
.link .warning { margin-block-start: 1.5rem; padding-block-start: 1.25rem; border-block-start: 1px solid var(--_line); }

.unseen { position: absolute; inline-size: 1px; block-size: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.stage, .code { position: relative; }

@container (min-width: 42rem) {
  .panel.wide { max-inline-size: 42rem; }
  .wide .ways.two { grid-template-columns: 1fr 1fr; gap: 1.5rem; align-items: start; }
  .wide .code-box { min-block-size: 16rem; }
  .wide .qr { inline-size: min(100%, 16rem); }
}
@media (prefers-reduced-motion: reduce) {
  * { transition: none !important; }
  .spinner { animation: none; }
}
@media (forced-colors: active) {
  .panel, .code-box, .fold, .icon, .monogram { border-color: CanvasText; }
  button.primary, button.secondary, button.quiet { background: ButtonFace; color: ButtonText; border-color: ButtonText; }
  .foot .quiet { margin-inline-end: 0; }
  a.primary, a.secondary { background: Canvas; color: LinkText; border-color: LinkText; }
  button.primary:disabled { color: GrayText; border-color: GrayText; }
  :focus-visible { outline-color: Highlight; }
}
@media print { .panel { box-shadow: none; } }
`;
