// One chart: keeps its lines, takes in newer points, draws only when something changed. A drag
// zooms the range of the whole page.

import { point, watch } from "./crosshair.js";
import { fill, fromLocal, local, withUnit } from "./format.js";
import { Legend } from "./legend.js";
import { plotly } from "./plotly.js";
import { bridged, joined, least, most, since } from "./points.js";
import { fillTable } from "./pointtable.js";
import { range } from "./range.js";
import { State } from "./states.js";
import { texts } from "./texts.js";

// Plotly reads a part of HTML, links among it, and names come from whoever sends telemetry.
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
// On a touch screen a drag is a scroll.
const dragmode = matchMedia("(pointer: coarse)").matches || !range.soft ? false : "zoom";
const CONFIG = { locale: document.documentElement.lang || "en", displayModeBar: false, doubleClick: false, showAxisDragHandles: false, showTips: false };
// Below this width Plotly turns the times of an axis on their side.
const NARROW_PX = 260;

export class Chart {
  #lines = new Map();
  #layout = {};
  #styles = new Map();
  #visible = false;
  #changed = true;
  #bound = false;
  #plotly = null;

  // Plotly traces of single points above the lines; a point with one of `hrefs` is a link.
  points = [];

  // Horizontal lines with a word: [{value, colour, dash, text}]; and stretches of time behind the
  // lines: [{from, to (ms), colour}].
  limits = [];
  bands = [];

  // Moments with a word: [{at (ms), text}]; a thin line across the plot for each.
  marks = [];

  constructor(card) {
    this.card = card;
    this.key = card.dataset.panel;
    this.unit = card.dataset.unit;
    this.optional = "optional" in card.dataset;
    this.blank = true;
    this.state = new State(card);
    this.plot = card.querySelector("[data-plot]");
    this.usualWhy = card.querySelector("[data-empty-why]").textContent;
    this.details = card.querySelector("[data-table]");
    this.details.addEventListener("toggle", () => this.#fillTable());
    this.legend = new Legend(card.querySelector("[data-legend]"), () => this.restyle());
    new IntersectionObserver(([entry]) => {
      this.#visible = entry.isIntersecting;
      this.draw();
    }, { rootMargin: "200px" }).observe(card);
    // Kiosk, density, the sidebar: the plot follows its place.
    new ResizeObserver(() => { if (this.#bound) this.restyle(); }).observe(this.plot);
    watch(this);
  }

  // A whole figure (Plotly's data and layout) with x in milliseconds since 1970.
  load(figure) {
    this.#layout = figure.layout;
    this.#styles = new Map(figure.data.map((trace) => [trace.name, trace]));
    this.#lines = new Map(figure.data.map((trace) => [trace.name, { x: trace.x, y: trace.y }]));
    this.#changed = true;
  }

  // Newer points; false when there is a line the figure does not know yet.
  extend(lines) {
    for (const { name, x, y } of lines) {
      if (!this.#styles.has(name)) return false;
      const longer = joined(this.#lines.get(name) ?? { x: [], y: [] }, x, y);
      if (!longer) continue;
      this.#lines.set(name, longer);
      this.#changed = true;
    }
    return true;
  }

  // Moves the window; what is older is forgotten.
  window(start, end) {
    if (this.start !== start || this.end !== end) this.#changed = true;
    this.start = start;
    this.end = end;
    for (const [name, line] of this.#lines) this.#lines.set(name, since(line, start));
  }

  restyle() {
    this.#changed = true;
    this.draw();
  }

  // `now`: the figure at the end, for the sentence; `slow`: its query was cut off.
  draw(now, slow = false) {
    if (now !== undefined) this.now = now;
    const known = [...this.#lines.values()].flatMap((line) => line.y).filter((y) => y !== null);
    this.blank = known.length === 0;
    if (this.start === undefined) return;
    this.#describe(known);
    if (this.blank) this.state.empty(slow ? texts.slow : this.usualWhy);
    else this.state.ready();
    this.legend.show([...this.#styles.values()]);
    if (this.blank || !this.#visible || !this.#changed) return;
    this.#paint(known);
  }

  // Where a moment lies, in pixels from the left; null when it is outside or nothing is drawn.
  pixelOf(at) {
    const axis = this.plot._fullLayout?.xaxis;
    if (!axis || this.blank || at < this.start || at > this.end) return null;
    return axis._offset + ((at - this.start) / (this.end - this.start)) * axis._length;
  }

  async #paint(known) {
    this.#changed = false;
    try {
      this.#plotly ??= await plotly();
    } catch (error) {
      this.state.error(texts.chunkLost, { retry: () => location.reload() });
      throw error;
    }
    await this.#plotly.react(this.plot, [...this.#traces(), ...this.points], this.#themed(known), CONFIG);
    this.#bind();
    if (this.details.open) this.#fillTable();
  }

  #bind() {
    if (this.#bound) return;
    this.#bound = true;
    this.plot.on("plotly_relayout", (change) => {
      const [start, end] = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      if (start === undefined || end === undefined) return;
      this.#changed = true;
      range.zoom(fromLocal(start), fromLocal(end));
    });
    this.plot.on("plotly_doubleclick", () => range.out());
    this.plot.on("plotly_click", (event) => {
      const clicked = event.points.find((one) => one.data.hrefs);
      if (clicked) location.assign(clicked.data.hrefs[clicked.pointNumber]);
    });
    this.plot.on("plotly_hover", (event) => point(fromLocal(event.points[0].x), this));
    this.plot.on("plotly_unhover", () => point(null));
  }

  #traces() {
    return [...this.#styles.values()].flatMap((style) => {
      const line = this.#lines.get(style.name);
      if (!line || !this.legend.shows(style.name)) return [];
      const points = bridged(line);
      const mode = points.length < 12 ? "lines+markers" : "lines";
      return [{
        ...style,
        name: plain(style.name),
        mode,
        x: points.map(([x]) => local(x)),
        y: points.map(([, y]) => y),
        customdata: points.map(([, y]) => (y === null ? "" : withUnit(y, this.unit))),
        hovertemplate: "%{customdata}",
      }];
    });
  }

  #themed(known) {
    const css = getComputedStyle(this.card);
    const colour = (name) => css.getPropertyValue(name).trim();
    const layout = structuredClone(this.#layout);
    const axis = { gridcolor: colour("--ph-grid"), linecolor: colour("--ph-grid"), tickcolor: colour("--ph-grid") };
    Object.assign(layout.xaxis, axis, { range: [local(this.start), local(this.end)], fixedrange: dragmode === false });
    Object.assign(layout.yaxis, axis);
    // All zero is a flat line at the bottom, not in the middle of nowhere.
    if (most(known) === 0) Object.assign(layout.yaxis, { range: [0, 1] });
    if (this.plot.clientHeight) Object.assign(layout, { height: this.plot.clientHeight, width: this.plot.clientWidth });
    layout.font.color = colour("--ph-text");
    layout.hoverlabel = { bgcolor: colour("--ph-card"), bordercolor: colour("--ph-grid"), font: { color: colour("--ph-text") } };
    layout.dragmode = dragmode;
    const marks = this.marks.filter(({ at }) => at >= this.start && at <= this.end);
    layout.shapes = marks.map(({ at }) => ({ type: "line", x0: local(at), x1: local(at), yref: "paper", y0: 0, y1: 1, line: { color: colour("--ph-dim"), width: 1, dash: "dash" } }));
    layout.shapes.push(
      ...this.bands.map(({ from, to, colour: fillcolor }) => ({ type: "rect", layer: "below", x0: local(from), x1: local(to), yref: "paper", y0: 0, y1: 1, line: { width: 0 }, fillcolor, opacity: 0.2 })),
      ...this.limits.map(({ value, colour: color, dash }) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: value, y1: value, line: { color, width: 1.5, dash } })),
    );
    layout.annotations = marks.map(({ at, text }) => ({ x: local(at), yref: "paper", y: 1, yanchor: "top", xanchor: "left", text: plain(text), showarrow: false, font: { size: 10, color: colour("--ph-text") }, bgcolor: colour("--ph-card") }));
    // Beside the plot, where no line runs under them; that of a clear value below its trigger's.
    layout.annotations.push(...this.limits.map(({ value, text, dash }) => ({ xref: "paper", x: 1, xanchor: "left", xshift: 2, y: value, yanchor: dash === "dot" ? "top" : "bottom", yshift: dash === "dot" ? 4 : -4, text: plain(text), showarrow: false, font: { size: 10, color: colour("--ph-text") } })));
    if (this.limits.length) layout.margin.r = Math.max(layout.margin.r, 10 + 6 * Math.max(...this.limits.map(({ text }) => text.length)));
    // Four upright times where more would be turned on their side and cut.
    if (layout.width - layout.margin.l - layout.margin.r < NARROW_PX) Object.assign(layout.xaxis, { nticks: 4, tickangle: 0 });
    // A zoom of another range starts anew.
    layout.uirevision = `${this.start}`;
    return layout;
  }

  #describe(known) {
    const title = this.card.dataset.title;
    const told = (value) => (value == null ? texts.noData : withUnit(value, this.unit));
    const now = this.now ?? [...this.#lines.values()].map((line) => line.y.findLast((y) => y !== null)).find((y) => y != null);
    const sentence = known.length
      ? fill(texts.sentence, { title, now: told(now), min: told(least(known)), max: told(most(known)) })
      : fill(texts.sentenceEmpty, { title });
    if (this.plot.getAttribute("aria-label") !== sentence) this.plot.setAttribute("aria-label", sentence);
  }

  #fillTable() {
    if (this.details.open) fillTable(this.details.querySelector("table"), this.#lines);
  }
}
