// Services by colour and pattern, the same on every view of a page.

import { el, svg, visible } from "./dom.js";

const COLOURS = 8;

export class Services {
  #index = new Map();

  constructor(names) {
    for (const name of names) this.#index.set(name, this.#index.size);
  }

  of(name) {
    if (!this.#index.has(name)) this.#index.set(name, this.#index.size);
    return this.#index.get(name) % COLOURS;
  }

  // The rectangles of one bar: its colour, and above it the pattern that tells it apart without.
  bar(name, attributes, failed = false) {
    const colour = this.of(name);
    const shapes = [svg("rect", { ...attributes, rx: 2, class: `ph-svc ph-svc-${colour}${failed ? " ph-bad" : ""}` })];
    if (colour) shapes.push(svg("rect", { ...attributes, rx: 2, fill: `url(#ph-pattern-${colour})` }));
    return shapes;
  }

  swatch(name) {
    return svg("svg", { class: "ph-swatch", "aria-hidden": "true" }, ...this.bar(name, { x: 0, y: 0, width: 12, height: 12 }));
  }

  label(name) {
    return el("span", { class: "ph-service" }, this.swatch(name), visible(name));
  }
}
