// One chart: keeps its lines, takes in newer points, draws only when something changed.

import { fill, local, moment, number } from "./kit/format.js";

// A gap shorter than this is the sender's interval, not an outage: the line goes on.
const BRIDGE_MS = 75_000;
const TABLE_ROWS = 30;

// Plotly reads a part of HTML, links among it, and names come from whoever sends telemetry.
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

export class Chart {
  #lines = new Map();
  #layout = {};
  #styles = new Map();
  #drawn = false;
  #visible = false;
  #changed = true;

  constructor(card, texts) {
    this.card = card;
    this.texts = texts;
    this.key = card.dataset.panel;
    this.unit = card.dataset.unit;
    this.optional = "optional" in card.dataset;
    this.blank = true;
    this.plot = card.querySelector("[data-plot]");
    this.empty = card.querySelector("[data-empty]");
    this.why = card.querySelector("[data-empty-why]");
    this.usualWhy = this.why.textContent;
    this.details = card.querySelector("[data-table]");
    this.details.addEventListener("toggle", () => this.#fillTable());
    new IntersectionObserver(([entry]) => {
      this.#visible = entry.isIntersecting;
      this.draw();
    }, { rootMargin: "200px" }).observe(card);
  }

  // The first load: figure (Plotly) and all points.
  load(figure, lines) {
    this.#layout = figure.layout;
    this.#styles = new Map(figure.data.map((trace) => [trace.name, trace]));
    this.#lines = new Map(lines.map((line) => [line.name, { x: line.x, y: line.y }]));
    this.#changed = true;
  }

  // Newer points; false when there is a line the figure does not know yet.
  extend(lines) {
    for (const { name, x, y } of lines) {
      if (!this.#styles.has(name)) return false;
      const line = this.#lines.get(name) ?? { x: [], y: [] };
      const keep = line.x.findIndex((at) => at >= x[0]);
      const cut = keep < 0 ? line.x.length : keep;
      if (String(line.y.slice(cut)) === String(y) && line.x.at(-1) === x.at(-1)) continue;
      this.#lines.set(name, { x: line.x.slice(0, cut).concat(x), y: line.y.slice(0, cut).concat(y) });
      this.#changed = true;
    }
    return true;
  }

  // Moves the window; what is older is forgotten.
  window(start, end) {
    if (this.start !== start || this.end !== end) this.#changed = true;
    this.start = start;
    this.end = end;
    for (const [name, line] of this.#lines) {
      const from = line.x.findIndex((at) => at >= start);
      if (from > 0) this.#lines.set(name, { x: line.x.slice(from), y: line.y.slice(from) });
      else if (from < 0) this.#lines.set(name, { x: [], y: [] });
    }
  }

  restyle() {
    this.#changed = true;
    this.draw();
  }

  draw(now, slow = false) {
    if (now !== undefined) this.now = now;
    const known = [...this.#lines.values()].flatMap((line) => line.y).filter((y) => y !== null);
    this.#describe(known);
    this.blank = known.length === 0;
    this.empty.hidden = !this.blank;
    this.plot.hidden = this.blank;
    this.details.hidden = this.blank;
    this.why.textContent = slow ? this.texts.slow : this.usualWhy;
    if (!known.length || !this.#visible || !this.#changed) return;
    this.#changed = false;
    Plotly.react(this.plot, this.#traces(), this.#themed(known), { displayModeBar: false, responsive: true });
    if (this.details.open) this.#fillTable();
  }

  #traces() {
    return [...this.#styles.values()].flatMap((style) => {
      const line = this.#lines.get(style.name);
      if (!line) return [];
      const points = bridged(line);
      const mode = points.length < 12 ? "lines+markers" : "lines";
      return [{ ...style, name: plain(style.name), mode, x: points.map(([x]) => local(x)), y: points.map(([, y]) => y) }];
    });
  }

  #themed(known) {
    const css = getComputedStyle(this.card);
    const colour = (name) => css.getPropertyValue(name).trim();
    const layout = structuredClone(this.#layout);
    const axis = { gridcolor: colour("--ph-grid"), linecolor: colour("--ph-grid"), tickcolor: colour("--ph-grid") };
    Object.assign(layout.xaxis, axis, { range: [local(this.start), local(this.end)], fixedrange: true });
    Object.assign(layout.yaxis, axis);
    // All zero is a flat line at the bottom, not in the middle of nowhere.
    if (Math.max(...known) === 0) Object.assign(layout.yaxis, { range: [0, 1] });
    layout.font.color = colour("--ph-text");
    layout.hoverlabel = { bgcolor: colour("--ph-card"), bordercolor: colour("--ph-grid"), font: { color: colour("--ph-text") } };
    layout.dragmode = false;
    return layout;
  }

  #describe(known) {
    const title = this.card.dataset.title;
    const told = (value) => (value == null ? this.texts.noData : `${number(value)} ${this.unit}`);
    const sentence = known.length
      ? fill(this.texts.sentence, { title, now: told(this.now), min: told(min(known)), max: told(max(known)) })
      : fill(this.texts.sentenceEmpty, { title });
    if (this.plot.getAttribute("aria-label") !== sentence) this.plot.setAttribute("aria-label", sentence);
  }

  #fillTable() {
    if (!this.details.open) return;
    const names = [...this.#lines.keys()];
    const times = [...new Set([...this.#lines.values()].flatMap((line) => line.x))].sort((a, b) => b - a).slice(0, TABLE_ROWS);
    const rows = times.map((at) => [moment(at), ...names.map((name) => {
      const line = this.#lines.get(name);
      const value = line.y[line.x.indexOf(at)];
      return value == null ? this.texts.noData : number(value);
    })]);
    const table = this.details.querySelector("table");
    table.replaceChildren(row("th", [this.texts.time, ...names]), ...rows.map((cells) => row("td", cells)));
  }
}

const min = (values) => values.reduce((a, b) => Math.min(a, b));
const max = (values) => values.reduce((a, b) => Math.max(a, b));

function row(tag, cells) {
  const line = document.createElement("tr");
  for (const text of cells) {
    const cell = document.createElement(tag);
    if (tag === "th") cell.scope = "col";
    cell.textContent = text;
    line.append(cell);
  }
  return line;
}

// Points to draw: unknown ones are left out where the gap is short, and break the line where it is long.
function bridged({ x, y }) {
  const points = [];
  let last = null;
  for (let i = 0; i < x.length; i++) {
    if (y[i] === null) continue;
    const step = x.length > 1 ? x[1] - x[0] : 0;
    if (last !== null && x[i] - last > Math.max(BRIDGE_MS, 1.5 * step)) points.push([last + 1, null]);
    points.push([x[i], y[i]]);
    last = x[i];
  }
  return points;
}
