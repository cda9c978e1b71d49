// The components of the portal: how each is now, and how it fared over the range of the page.

import { el, visible } from "./dom.js";
import { age, fill, moment } from "./format.js";
import { textsOf } from "./texts.js";
import { loadTracker } from "./tracker.js";

const MOST_SLOTS = 24;
// Collectors look once a minute or oftener: narrower slots would be empty between two looks.
const SLOT_S = 60;
const AGAIN_MS = 60_000;

export class Components {
  #kept = new Set();
  #range = null;
  #loadedAt = 0;
  #round = 0;

  // `list`: the <ul data-components> of the page, filled by the server.
  constructor(list) {
    this.list = list;
    this.texts = textsOf(list);
    this.readout = document.querySelector("[data-slot-text]");
    // One message serves readers of every language: the page has the names in theirs.
    this.names = new Map([...list.children].map((pill) => [pill.dataset.component, pill.querySelector("b").textContent]));
  }

  // The name and what is wrong, in the language of the page.
  told({ key, name, detail, why, since, age_s }) {
    const words = why && this.texts[`why${why[0].toUpperCase()}${why.slice(1)}`];
    const values = { age: age_s === null ? "" : age(age_s), time: since === null ? "" : moment(since) };
    return { name: this.names.get(key) ?? name, detail: words ? fill(words, values) : detail };
  }

  // What is as it was is left alone: readers, selections and the focus stay in peace.
  show(components) {
    this.#kept = new Set(components.filter((component) => component.kept).map((component) => component.key));
    const there = new Map([...this.list.children].map((pill) => [pill.dataset.component, pill]));
    const pills = components.map((component) => this.#dress(there.get(component.key) ?? this.#pill(component), component));
    if (pills.length !== this.list.children.length || pills.some((pill, i) => this.list.children[i] !== pill)) this.list.replaceChildren(...pills);
    if (this.#range?.live && Date.now() - this.#loadedAt > AGAIN_MS) this.#load();
  }

  // Another range, as the server told it (`Choice.told`).
  over(range) {
    this.#range = range;
    this.#load();
  }

  #pill({ key, kept }) {
    const pill = el("li", { class: "ph-pill", dataset: { component: key } }, el("p", { class: "ph-pill-now" }));
    // Of the others nothing is said: ten times "not kept" would be noise.
    if (this.list.dataset.history && kept) pill.append(el("div", { class: "ph-tracker" }));
    return pill;
  }

  #dress(pill, component) {
    const { status } = component;
    const { name, detail } = this.told(component);
    const { texts } = this;
    pill.dataset.status = status;
    const checked = component.age_s === null ? texts.never : fill(texts.checked, { age: age(component.age_s) });
    pill.title = [detail, checked].filter(Boolean).join(" · ");
    const now = [el("span", { class: "ph-mark" }), el("b", {}, name), el("span", { class: "ph-word" }, texts[status] ?? status)];
    if (status !== "ok" && detail) now.push(el("small", {}, detail));
    const place = pill.querySelector(".ph-pill-now");
    const fresh = el("p", {}, ...now);
    if (place.innerHTML !== fresh.innerHTML) place.replaceChildren(...fresh.childNodes);
    return pill;
  }

  // One after the other, after the figures: nobody waits for them.
  async #load() {
    const { from, to, start, end } = this.#range;
    this.#loadedAt = Date.now();
    const round = ++this.#round;
    const slots = Math.max(1, Math.min(MOST_SLOTS, Math.floor((end - start) / 1000 / SLOT_S)));
    const query = new URLSearchParams({ from, to, slots });
    for (const pill of [...this.list.children]) {
      const place = pill.querySelector(".ph-tracker");
      const key = pill.dataset.component;
      if (!place || !this.#kept.has(key) || round !== this.#round) continue;
      const path = key.split("/").map(encodeURIComponent).join("/");
      const url = `${this.list.dataset.history.replace("KEY", () => path)}?${query}`;
      const error = await loadTracker(place, { url, name: visible(pill.querySelector("b").textContent), texts: this.texts, shared: this.readout, slot: `history:${key}` });
      // Signed out: the page says so once, and the others would hear the same.
      if (error?.status === 401) return;
    }
  }
}
