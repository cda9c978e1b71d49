// A long list. The server draws its first rows as a plain table; this takes it over, fetches what
// follows as one scrolls, and draws only what one sees.

import { getJson } from "./client.js";
import { el, visible } from "./dom.js";
import { fill, plural } from "./format.js";
import { Grid } from "./grid.js";
import { Pages } from "./pages.js";
import { textsOf } from "./texts.js";

// The list itself remembers what it holds.
const load = (url) => getJson(url, { freshMs: 0 });
// So many screens before the end the next page is asked for.
const AHEAD = 2;

export class Table extends Grid {
  // `root`: what templates/kit/table.html makes. `columns`: [{name, cell(row)}], in the order of the
  // header. `detail(row)`: what an opened row shows.
  constructor(root, { columns, first, detail, estimate = 38, most }) {
    super(root.querySelector("[data-scroller]"), { estimate });
    this.root = root;
    this.columns = columns;
    this.texts = textsOf(root);
    this.detailOf = detail;
    this.pages = new Pages({ first, source: root.dataset.source ?? "", load, most });
    this.foot = root.querySelector("[data-foot]");
    this.status = root.querySelector("[data-status]");
    this.failure = null;
    root.classList.add("ph-taken");
    const drawn = [...this.body.rows].slice(0, first.length);
    for (const row of [...this.body.rows].slice(first.length)) row.remove();
    drawn.forEach((row, index) => this.dress(row, index));
    this.rows.adopt(drawn);
    this.#tell();
    this.moved();
  }

  cells(index) {
    const row = this.pages.row(index);
    if (!row || row.gone) {
      const text = row ? this.texts.gone : this.texts.loading;
      return this.columns.map(({ name }, i) => el("td", { class: `ph-c-${name} ph-away` }, i ? "" : text));
    }
    return this.columns.map(({ name, cell }) => el("td", { class: `ph-c-${name}` }, cell(row)));
  }

  key(index) {
    return this.pages.row(index)?.id ?? `#${index}`;
  }

  detail(index) {
    const row = this.pages.row(index);
    return row && !row.gone ? this.detailOf(row) : "";
  }

  other(event) {
    const open = { ArrowRight: true, ArrowLeft: false }[event.key];
    if (open === undefined) return false;
    if (this.isOpen(this.active) !== open) this.toggle(this.active);
    return true;
  }

  copy(index) {
    const cells = this.rows.row(index)?.querySelectorAll("td:not(.ph-detail)") ?? [];
    return [...cells].map((cell) => cell.textContent.trim()).join("\t");
  }

  // Called after every drawing: is there enough, is everything here?
  moved() {
    if (!this.pages) return;
    const [first, last] = this.rows.sight;
    this.pages.near(first, last, (from, to) => {
      for (const [index] of this.rows.drawn) if (index >= from && index <= to) this.rows.redraw(index);
    });
    const left = this.rows.heights.total - this.scroller.scrollTop - this.rows.page;
    if (left < AHEAD * this.rows.page && !this.failure && !this.pages.partial) this.more();
  }

  async more() {
    if (this.pages.ended || this.pages.full || this.pages.loading) return this.#tell();
    this.failure = null;
    const loading = this.pages.more();
    this.#tell();
    try {
      await loading;
    } catch (error) {
      this.failure = error;
    }
    this.rows.resize(this.pages.length);
    this.#tell();
  }

  #tell() {
    const { pages, texts } = this;
    const n = pages.length;
    this.table.setAttribute("aria-rowcount", pages.ended ? n + 1 : -1);
    this.scroller.setAttribute("aria-busy", String(pages.loading));
    let [text, button] = ["", ""];
    if (pages.loading) text = texts.loading;
    else if (this.failure) [text, button] = [fill(texts.failed, { message: visible(this.failure.message ?? "") }), texts.retry];
    else if (pages.full) text = fill(texts.full, { n });
    else if (pages.partial && !pages.ended) [text, button] = [fill(texts.partial, { time: this.#searchedTo() }), texts.on];
    else if (pages.ended) text = plural(texts, "end", n);
    this.#show(text, button);
    if (!pages.loading) this.status.textContent = pages.ended || this.failure ? text : fill(texts.loaded, { n });
  }

  #searchedTo() {
    const at = Date.parse(this.pages.searchedTo ?? "");
    return Number.isNaN(at) ? "" : new Date(at).toLocaleString(document.documentElement.lang || undefined);
  }

  #show(text, label) {
    const kind = this.failure ? "error" : this.pages.partial ? "warning" : "";
    // The same words are not said anew: a button that has the focus would lose it.
    if (this.foot.dataset.said === text + label) return;
    this.foot.dataset.said = text + label;
    this.foot.dataset.kind = kind;
    const again = () => {
      this.failure = null;
      this.pages.partial = false;
      this.table.focus({ preventScroll: true });
      this.more();
    };
    this.foot.replaceChildren(text, label ? el("button", { type: "button", class: "ph-button", onclick: again }, label) : "");
  }
}
