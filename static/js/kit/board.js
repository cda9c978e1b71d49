// The charts of a page whose figures come from one endpoint: `data-board="/address"` around them.
// Nothing more is needed for a page that only draws.

import { Chart } from "./chart.js";
import { getJson } from "./client.js";
import { announce } from "./say.js";
import { fill, local } from "./format.js";
import { range } from "./range.js";
import { texts } from "./texts.js";

export function plotWidth(root) {
  const plot = root.querySelector("[data-plot]");
  return Math.max(100, Math.round(plot?.parentElement.clientWidth ?? 600));
}

// The address of the figures: the range, and those parameters of the page that `data-filters` names.
export function dataAddress(base, root, more = {}) {
  const here = new URLSearchParams(location.search);
  const query = new URLSearchParams();
  for (const name of (root.dataset.filters ?? "").split(" ")) if (name && here.get(name)) query.set(name, here.get(name));
  for (const [name, value] of range.query()) query.set(name, value);
  query.set("width", plotWidth(root));
  for (const [name, value] of Object.entries(more)) query.set(name, value);
  return `${base}?${query}`;
}

// One link for each panel: what is seen, as CSV.
export function csvLinks(base, root) {
  for (const card of root.querySelectorAll("[data-panel]")) {
    const link = card.querySelector("[data-csv]");
    link.href = dataAddress(base, root, { format: "csv", panel: card.dataset.panel });
    link.hidden = false;
  }
}

// Single points beside the lines: [{name, colour, symbol, x (ms), y, text, hrefs}].
function pointTrace({ name, colour, symbol, x, y, text, hrefs }) {
  return {
    type: "scatter", mode: "markers", name, hrefs, y, text, showlegend: false,
    x: x.map((ms) => local(ms)), marker: { color: colour, symbol, size: 9 }, hovertemplate: "%{text}<extra></extra>",
  };
}

class Board {
  constructor(root) {
    this.root = root;
    this.base = root.dataset.board;
    this.charts = [...root.querySelectorAll("[data-panel]")].map((card) => new Chart(card));
    this.at = null;
    addEventListener("ph:range", () => this.load());
    addEventListener("ph:refresh", (event) => {
      event.preventDefault();
      this.load();
    });
    new MutationObserver(() => this.charts.forEach((chart) => chart.restyle()))
      .observe(document.documentElement, { attributeFilter: ["class"] });
    this.load();
  }

  async load() {
    const url = dataAddress(this.base, this.root);
    try {
      this.#show(await getJson(url, { slot: this.base, freshMs: 0 }));
    } catch (error) {
      if (error.name !== "AbortError") this.#fail(error);
    }
  }

  #show(answer) {
    this.at = Date.now();
    range.adopt(answer.range);
    for (const chart of this.charts) {
      chart.load(answer.panels[chart.key] ?? { data: [], layout: {} });
      chart.marks = answer.marks ?? [];
      chart.points = (answer.points?.[chart.key] ?? []).map((group) => pointTrace(group));
      chart.window(answer.start, answer.end);
      chart.draw(undefined, answer.slow?.includes(chart.key));
    }
    csvLinks(this.base, this.root);
    announce(fill(texts.moved, { range: answer.range.label || document.querySelector("[data-range-label]")?.textContent || "" }));
  }

  #fail(error) {
    for (const chart of this.charts) {
      // What is drawn stays, and says how old it is.
      if (this.at !== null && !chart.blank && error.status !== 400) chart.state.stale(this.at);
      else chart.state.error(error.message, { requestId: error.requestId, retry: () => this.load() });
    }
  }
}

export const boards = [...document.querySelectorAll("[data-board]")].map((root) => new Board(root));
