// Draws only the rows one sees. Every row may have its own height: it is measured when drawn, and
// what lies above is corrected without moving what one reads.

import { Heights } from "./heights.js";

const AROUND = 6;
const MOST_DRAWN = 90;

export class RowWindow {
  #drawn = new Map();
  #observer;
  #width = 0;
  #pending = 0;
  #seen = [0, 0];

  // `scroller` scrolls, `body` holds the rows, `draw(index)` makes one, `kept()` names rows that stay
  // drawn wherever one scrolls (the one with the focus).
  constructor(scroller, body, { estimate, draw, kept = () => [], moved = () => {} }) {
    this.scroller = scroller;
    this.body = body;
    this.draw = draw;
    this.kept = kept;
    this.moved = moved;
    this.heights = new Heights(estimate);
    this.body.classList.add("ph-rows");
    this.#observer = new ResizeObserver((entries) => this.#measured(entries));
    this.#observer.observe(scroller);
    scroller.addEventListener("scroll", () => this.later(), { passive: true });
  }

  get count() {
    return this.heights.length;
  }

  get page() {
    return Math.max(40, this.scroller.clientHeight - this.#head());
  }

  // The first and the last row in sight; [-1, -1] without rows.
  get sight() {
    const top = this.scroller.scrollTop;
    return [this.heights.at(top), this.heights.at(top + this.page)];
  }

  resize(count) {
    const anchor = this.#anchor();
    this.heights.resize(count);
    for (const index of [...this.#drawn.keys()]) if (index >= count) this.#drop(index);
    this.#settle(anchor);
    this.render();
  }

  // Another set of rows: keeps nothing.
  reset(count) {
    for (const index of [...this.#drawn.keys()]) this.#drop(index);
    this.heights.resize(0);
    this.heights.resize(count);
    this.#place();
    this.render();
  }

  // Rows already in the page, drawn by the server: they are taken over where they stand.
  adopt(rows) {
    const heights = rows.map((row) => row.getBoundingClientRect().height);
    this.heights.resize(rows.length);
    heights.forEach((height, index) => this.heights.set(index, height));
    this.#learn(heights);
    rows.forEach((row, index) => this.#keep(index, row));
    // Without its height the list would look short while it is asked how much of it one sees.
    this.#place();
    this.render();
  }

  later() {
    this.#pending ||= requestAnimationFrame(() => {
      this.#pending = 0;
      this.render();
    });
  }

  // Draws a row anew, if it is drawn at all.
  redraw(index) {
    const old = this.#drawn.get(index);
    if (!old) return;
    const row = this.draw(index);
    this.#observer.unobserve(old);
    old.replaceWith(row);
    this.#keep(index, row);
    this.#measure([[index, row]]);
    this.later();
  }

  row(index) {
    return this.#drawn.get(index);
  }

  get drawn() {
    return [...this.#drawn];
  }

  // Brings a row into sight, with as little movement as possible.
  reveal(index) {
    if (index < 0 || index >= this.count) return;
    // Rows on the way may turn out higher than thought: look again once they are measured.
    for (let tries = 0; tries < 4; tries++) {
      const top = this.heights.offset(index);
      const bottom = top + this.heights.height(index);
      const from = this.scroller.scrollTop;
      const to = top < from ? top : bottom > from + this.page ? Math.min(top, bottom - this.page) : from;
      if (Math.abs(to - from) < 1) break;
      this.scroller.scrollTop = to;
      this.render();
    }
  }

  render() {
    const wanted = this.#wanted();
    const keep = new Set([...wanted, ...this.kept().filter((index) => index >= 0 && index < this.count)]);
    for (const index of [...this.#drawn.keys()]) if (!keep.has(index)) this.#drop(index);
    const fresh = [];
    for (const index of [...keep].sort((a, b) => a - b)) {
      if (this.#drawn.has(index)) continue;
      const row = this.draw(index);
      this.#insert(index, row);
      this.#keep(index, row);
      fresh.push([index, row]);
    }
    if (fresh.length) this.#measure(fresh);
    else this.#place();
    this.moved();
  }

  #wanted() {
    const [first, last] = this.sight;
    if (first < 0) return [];
    const from = Math.max(0, first - AROUND);
    const to = Math.min(this.count - 1, last + AROUND, from + MOST_DRAWN - 1);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  }

  // Readers of the page and its keyboard go by the order in the document.
  #insert(index, row) {
    const later = [...this.#drawn.keys()].filter((other) => other > index);
    const next = later.length ? this.#drawn.get(Math.min(...later)) : null;
    this.body.insertBefore(row, next);
  }

  #keep(index, row) {
    row.classList.add("ph-line");
    row.dataset.index = index;
    this.#drawn.set(index, row);
    this.#observer.observe(row);
  }

  #drop(index) {
    const row = this.#drawn.get(index);
    this.#observer.unobserve(row);
    row.remove();
    this.#drawn.delete(index);
  }

  #measure(rows) {
    const anchor = this.#anchor();
    const heights = rows.map(([, row]) => row.getBoundingClientRect().height);
    rows.forEach(([index], i) => this.heights.set(index, heights[i]));
    this.#learn(heights);
    this.#settle(anchor);
  }

  // Rows not seen yet are thought to be like those that were: the scroll bar then tells the truth.
  #learn(heights) {
    this.#seen[0] += heights.length;
    for (const height of heights) this.#seen[1] += height;
    if (this.#seen[1]) this.heights.estimate = this.#seen[1] / this.#seen[0];
  }

  #measured(entries) {
    const rows = entries.filter((entry) => entry.target !== this.scroller && entry.target.isConnected);
    const width = this.scroller.clientWidth;
    if (this.#width && width !== this.#width) {
      const anchor = this.#anchor();
      this.heights.forget();
      this.#width = width;
      for (const [index, row] of this.#drawn) this.heights.set(index, row.getBoundingClientRect().height);
      this.#settle(anchor);
      this.later();
      return;
    }
    this.#width = width;
    if (rows.length < entries.length) this.later();
    const anchor = this.#anchor();
    let news = false;
    for (const entry of rows) {
      const height = entry.borderBoxSize?.[0]?.blockSize ?? entry.target.getBoundingClientRect().height;
      news = this.heights.set(Number(entry.target.dataset.index), height) || news;
    }
    if (!news) return;
    this.#settle(anchor);
    this.later();
  }

  // The first row in sight, and how far one has scrolled into it.
  #anchor() {
    const index = this.heights.at(this.scroller.scrollTop);
    return [index, this.scroller.scrollTop - this.heights.offset(Math.max(index, 0))];
  }

  #settle([index, into]) {
    this.#place();
    if (index <= 0) return;
    const to = this.heights.offset(Math.min(index, this.count)) + into;
    if (Math.abs(to - this.scroller.scrollTop) >= 0.5) this.scroller.scrollTop = to;
  }

  #place() {
    this.body.style.height = `${this.heights.total}px`;
    for (const [index, row] of this.#drawn) row.style.transform = `translateY(${this.heights.offset(index)}px)`;
  }

  #head() {
    return this.body.offsetTop;
  }
}
