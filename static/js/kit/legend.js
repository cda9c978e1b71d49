// The names of a chart's lines as buttons: a line can be switched off by mouse and by key.

import { fill } from "./format.js";
import { texts } from "./texts.js";

const DASHES = { solid: "", dash: "6 4", dot: "2 3", dashdot: "6 3 2 3", longdash: "10 4", longdashdot: "10 3 2 3" };
const SVG = "http://www.w3.org/2000/svg";

export class Legend {
  #hidden = new Set();

  constructor(place, changed) {
    this.place = place;
    this.changed = changed;
  }

  shows(name) { return !this.#hidden.has(name); }

  // One line alone needs no name; `styles` are Plotly traces.
  show(styles) {
    const wanted = styles.length > 1 ? styles : [];
    const names = JSON.stringify(wanted.map((style) => style.name));
    if (this.names === names) return;
    this.names = names;
    this.place.replaceChildren(...wanted.map((style) => this.#item(style)));
  }

  #item(style) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", String(this.shows(style.name)));
    button.title = fill(texts.showLine, { name: style.name });
    button.append(swatch(style.line), style.name);
    button.addEventListener("click", () => {
      if (!this.#hidden.delete(style.name)) this.#hidden.add(style.name);
      button.setAttribute("aria-pressed", String(this.shows(style.name)));
      this.changed();
    });
    const item = document.createElement("li");
    item.append(button);
    return item;
  }
}

function swatch({ color, dash }) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 8");
  svg.setAttribute("width", "24");
  svg.setAttribute("height", "8");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "line");
  for (const [name, value] of Object.entries({ x1: 1, y1: 4, x2: 23, y2: 4, stroke: color, "stroke-width": 2.5, "stroke-dasharray": DASHES[dash] ?? "" })) {
    line.setAttribute(name, value);
  }
  svg.append(line);
  return svg;
}
