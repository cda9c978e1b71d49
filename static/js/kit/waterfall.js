// The spans of a trace in time: an ARIA treegrid that draws only the rows one sees.

import { duration, el, icon, svg, visible } from "./dom.js";
import { fill } from "./format.js";
import { Grid } from "./grid.js";
import { lastOf, parentsOf, shown } from "./spans.js";

// A span too short to see still gets a visible bar.
const LEAST_PERCENT = 0.4;
const DEEPEST = 16;
// A span waited for again and again is drawn in so many pieces.
const MOST_STRETCHES = 200;

export class Waterfall extends Grid {
  // `trace`: {spans, duration_us} as the API gives it. `attributes(span)` is what an opened row shows.
  constructor(root, { trace, services, texts, attributes }) {
    super(root.querySelector("[data-scroller]"), { estimate: 34 });
    this.spans = trace.spans;
    this.services = services;
    this.texts = texts;
    this.attributes = attributes;
    this.scale = 100 / Math.max(trace.duration_us, 1);
    this.last = lastOf(this.spans);
    this.parents = parentsOf(this.spans);
    this.closed = new Set();
    this.only = null;
    this.readout = root.querySelector("[data-readout]");
    root.classList.add("ph-taken");
    this.body.replaceChildren();
    this.body.addEventListener("pointerover", (event) => {
      const row = event.target.closest(".ph-line");
      if (row) this.#say(Number(row.dataset.index));
    });
    this.#refresh(true);
  }

  cells(index) {
    const span = this.spans[this.shown[index]];
    return [
      el("td", { class: "ph-c-name" }, this.#name(index, span)),
      el("td", { class: "ph-c-service" }, this.services.label(span.service)),
      el("td", { class: "ph-c-duration" }, duration(span.duration_us)),
      el("td", { class: "ph-c-self" }, duration(span.self_us)),
      el("td", { class: "ph-c-when" }, this.#bar(span)),
    ];
  }

  key(index) {
    return this.shown[index];
  }

  detail(index) {
    return this.attributes(this.spans[this.shown[index]]);
  }

  copy(index) {
    const span = this.spans[this.shown[index]];
    return [span.name, span.service, duration(span.duration_us), span.span_id].map(visible).join("\t");
  }

  expanded(index) {
    const span = this.shown[index];
    return this.last[span] > span ? !this.closed.has(span) : null;
  }

  dress(row, index) {
    row.setAttribute("aria-level", this.spans[this.shown[index]].depth + 1);
    return super.dress(row, index);
  }

  activate(index, options) {
    super.activate(index, options);
    this.#say(this.active);
  }

  // Closes or opens the spans below one.
  fold(index, close) {
    const span = this.shown[index];
    if (this.last[span] === span || this.closed.has(span) === close) return false;
    if (close) this.closed.add(span);
    else this.closed.delete(span);
    this.#refresh();
    return true;
  }

  foldAll(close) {
    this.closed = new Set(close ? [...this.spans.keys()].filter((i) => this.last[i] > i) : []);
    this.active = 0;
    this.#refresh();
  }

  // Shows only the spans the trace's end waited for, and what called them.
  onlyCritical(on) {
    this.only = on ? this.#critical() : null;
    this.#refresh();
  }

  #critical() {
    const kept = new Uint8Array(this.spans.length);
    this.spans.forEach((span, i) => {
      for (let at = span.path ? i : -1; at >= 0 && !kept[at]; at = this.parents[at]) kept[at] = 1;
    });
    return kept;
  }

  // Goes to the next span (or the one before, `way` -1) whose name or service holds the text.
  // {n, all}: which one of how many it is.
  find(text, way = 1) {
    const wanted = text.trim().toLowerCase();
    const holds = (span) => span.name.toLowerCase().includes(wanted) || span.service.toLowerCase().includes(wanted);
    const all = wanted ? this.spans.flatMap((span, i) => (holds(span) ? [i] : [])) : [];
    if (!all.length) return { n: 0, all: 0 };
    const here = this.shown[this.active];
    const next = way > 0 ? all.findIndex((i) => i > here) : all.findLastIndex((i) => i < here);
    const n = next >= 0 ? next : way > 0 ? 0 : all.length - 1;
    if (this.only && !this.only[all[n]]) this.only = null;
    this.show(all[n]);
    return { n: n + 1, all: all.length };
  }

  // Brings a span into sight and makes it active, opening what hides it.
  show(span) {
    for (let above = this.parents[span]; above >= 0; above = this.parents[above]) this.closed.delete(above);
    this.#refresh();
    this.activate(this.shown.indexOf(span));
  }

  other(event) {
    const span = this.shown[this.active];
    if (event.key === "ArrowLeft") {
      if (!this.fold(this.active, true) && this.parents[span] >= 0) this.activate(this.shown.indexOf(this.parents[span]));
      return true;
    }
    if (event.key === "ArrowRight") {
      if (!this.fold(this.active, false) && this.last[span] > span) this.activate(this.active + 1);
      return true;
    }
    return false;
  }

  #refresh(first = false) {
    const at = first ? 0 : this.shown[this.active];
    const open = shown(this.spans, this.last, this.closed);
    this.shown = this.only ? open.filter((i) => this.only[i]) : open;
    this.table.setAttribute("aria-rowcount", this.shown.length + 1);
    const top = this.scroller.scrollTop;
    this.active = Math.max(0, this.shown.indexOf(at));
    this.rows.reset(this.shown.length);
    this.scroller.scrollTop = top;
    this.rows.render();
    if (!first) this.activate(this.active);
  }

  #name(index, span) {
    const open = this.expanded(index);
    const fold = open === null ? el("span", { class: "ph-fold" }) : this.#fold(index, open);
    const parts = [fold, el("span", { class: "ph-name" }, visible(span.name))];
    if (span.kind) parts.push(el("small", { class: "ph-lead" }, span.kind));
    if (span.failed) parts.push(el("span", { class: "ph-failed" }, icon("error"), this.texts.failed));
    if (span.orphan) parts.push(el("small", { class: "ph-lead" }, this.texts.orphan));
    return el("div", { class: `ph-span ph-in-${Math.min(span.depth, DEEPEST)}` }, ...parts);
  }

  // A pointer's way to do what the arrow keys do; the keyboard never has to stop here.
  #fold(index, open) {
    const button = el("button", { type: "button", class: "ph-fold", tabindex: "-1", "aria-label": open ? this.texts.close : this.texts.open }, icon(open ? "expand_more" : "chevron_right"));
    button.addEventListener("click", () => {
      this.active = index;
      this.fold(index, open);
      this.table.focus();
    });
    return button;
  }

  #bar(span) {
    const x = Math.min(Math.max(span.offset_us, 0) * this.scale, 100 - LEAST_PERCENT);
    const width = Math.min(Math.max(span.duration_us * this.scale, LEAST_PERCENT), 100 - x);
    const place = { x: `${x}%`, y: 2, width: `${width}%`, height: 10 };
    const told = fill(this.texts.when, { offset: duration(span.offset_us), took: duration(span.duration_us) });
    const critical = span.critical_us ? ` ${fill(this.texts.critical, { us: duration(span.critical_us) })}` : "";
    const path = (span.path ?? []).slice(0, MOST_STRETCHES).map(([from, to]) => svg("rect", { x: `${from * this.scale}%`, y: 5.5, width: `${Math.max((to - from) * this.scale, 0.2)}%`, height: 3, class: "ph-critical" }));
    return svg("svg", { class: "ph-bars", role: "img", "aria-label": told + critical }, ...this.services.bar(span.service, place, span.failed), ...path);
  }

  #say(index) {
    const span = this.spans[this.shown[index]];
    if (!span || !this.readout) return;
    this.readout.textContent = `${visible(span.name)} · ${visible(span.service)} · ${fill(this.texts.said, {
      offset: duration(span.offset_us), took: duration(span.duration_us), self: duration(span.self_us),
    })}${span.critical_us ? ` · ${fill(this.texts.critical, { us: duration(span.critical_us) })}` : ""}`;
  }
}
