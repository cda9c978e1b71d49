// A list one moves through with the keyboard: one tab stop, an active row, rows that open.
//
// The focus stays on the table itself and `aria-activedescendant` names the row, so that rows may
// come and go while one scrolls without taking the focus with them.

import { el } from "./dom.js";
import { RowWindow } from "./window.js";

let grids = 0;

export class Grid {
  active = 0;
  #open = new Map();
  #id = `grid-${++grids}`;

  // The subclass gives `cells(index)`, `key(index)`, `detail(index)` and `copy(index)`.
  constructor(scroller, { estimate = 40 } = {}) {
    this.scroller = scroller;
    this.table = scroller.querySelector("table");
    this.body = this.table.tBodies[0] ?? this.table.createTBody();
    // A plain grid has no rows that open.
    this.table.setAttribute("role", "treegrid");
    this.table.tabIndex = 0;
    scroller.removeAttribute("tabindex");
    for (const part of [this.table.tHead, this.body]) part?.setAttribute("role", "rowgroup");
    const head = this.table.tHead?.rows[0];
    head?.setAttribute("role", "row");
    head?.setAttribute("aria-rowindex", "1");
    for (const cell of head?.cells ?? []) cell.setAttribute("role", "columnheader");
    this.rows = new RowWindow(scroller, this.body, {
      estimate,
      draw: (index) => this.#draw(index),
      kept: () => [this.active, this.#focused()],
      moved: () => this.moved(),
    });
    this.table.addEventListener("keydown", (event) => this.#key(event));
    this.table.addEventListener("focus", () => this.activate(this.active));
    this.body.addEventListener("click", (event) => this.#click(event));
    this.table.addEventListener("copy", (event) => this.#copy(event));
  }

  moved() {}

  get count() {
    return this.rows.count;
  }

  isOpen(index) {
    return this.#open.has(this.key(index));
  }

  activate(index, { reveal = true } = {}) {
    if (!this.count) return;
    const before = this.active;
    this.active = Math.max(0, Math.min(index, this.count - 1));
    if (reveal) this.rows.reveal(this.active);
    this.rows.row(before)?.classList.remove("ph-active");
    this.#mark(this.active);
  }

  toggle(index) {
    const key = this.key(index);
    if (this.#open.has(key)) this.#open.delete(key);
    else this.#open.set(key, true);
    this.rows.redraw(index);
    this.#mark(this.active);
  }

  closeAll() {
    this.#open.clear();
  }

  // Gives a row, drawn here or by the server, what assistive technology and the keyboard need.
  dress(row, index) {
    row.setAttribute("role", "row");
    row.setAttribute("aria-rowindex", index + 2);
    row.id = `${this.#id}-${index}`;
    for (const cell of row.cells) cell.setAttribute("role", "gridcell");
    for (const link of row.querySelectorAll("a")) link.tabIndex = -1;
    const expanded = this.expanded(index);
    if (expanded !== null) row.setAttribute("aria-expanded", String(expanded));
    if (index === this.active) row.classList.add("ph-active");
    if (this.isOpen(index)) {
      const detail = el("td", { class: "ph-detail", role: "gridcell" }, this.detail(index));
      detail.addEventListener("keydown", (event) => {
        if (event.key === "Escape") this.table.focus();
      });
      row.append(detail);
    }
    return row;
  }

  #draw(index) {
    return this.dress(el("tr", {}, ...this.cells(index)), index);
  }

  #mark(index) {
    const row = this.rows.row(index);
    if (!row) return;
    row.classList.add("ph-active");
    this.table.setAttribute("aria-activedescendant", row.id);
  }

  #focused() {
    const row = document.activeElement?.closest?.(".ph-line");
    return row && this.body.contains(row) ? Number(row.dataset.index) : -1;
  }

  #key(event) {
    if (event.target !== this.table || event.altKey || event.ctrlKey || event.metaKey) return;
    const step = this.steps[event.key];
    if (step) {
      event.preventDefault();
      this.activate(step.call(this));
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.toggle(this.active);
    } else if (this.other(event)) {
      event.preventDefault();
    }
  }

  // What `aria-expanded` says of a row; null where there is nothing to open.
  expanded(index) {
    return this.isOpen(index);
  }

  // Keys of a subclass; true when it was one.
  other() {
    return false;
  }

  steps = {
    ArrowDown() { return this.active + 1; },
    ArrowUp() { return this.active - 1; },
    Home() { return 0; },
    End() { return this.count - 1; },
    PageDown() { return this.#leaf(1); },
    PageUp() { return this.#leaf(-1); },
  };

  #leaf(direction) {
    const { heights, page } = this.rows;
    const index = heights.at(heights.offset(this.active) + direction * page);
    return index === this.active ? this.active + direction : index;
  }

  #click(event) {
    const row = event.target.closest(".ph-line");
    if (!row || event.target.closest("a, button, input, summary, .ph-detail")) return;
    // Who marks text to copy it does not want the row to open.
    if (!document.getSelection().isCollapsed) return;
    const index = Number(row.dataset.index);
    this.activate(index, { reveal: false });
    this.pressed(index, event);
  }

  pressed(index) {
    this.toggle(index);
  }

  #copy(event) {
    if (!document.getSelection().isCollapsed || event.target !== this.table) return;
    const text = this.copy(this.active);
    if (!text) return;
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
  }
}
