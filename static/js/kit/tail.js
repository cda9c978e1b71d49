// Lines as they come: the live topic of the list's own filter. Newest at the bottom, as in a terminal.

import { el, visible } from "./dom.js";
import { fill } from "./format.js";
import { stamp } from "./evidence.js";
import { Live, topic } from "./live.js";
import { textsOf } from "./texts.js";

const MOST_ROWS = 500;
const MOST_WAITING = 1000;
const FIELDS = ["service", "level", "text", "trace", "request", "attr"];

export class Tail {
  #live = null;
  #run = "";
  #last = 0;
  #lost = 0;
  #waiting = [];
  #paused = false;
  #known = new Set();
  #link = "";

  // `root`: what templates/kit/tail.html makes.
  constructor(root) {
    this.root = root;
    this.texts = textsOf(root);
    this.list = root.querySelector("[data-tail]");
    this.scroll = root.querySelector("[data-scroll]");
    this.said = root.querySelector("[data-said]");
    this.toggle = root.querySelector("[data-follow]");
    this.pause = root.querySelector("[data-pause]");
    this.toggle.addEventListener("click", () => (this.#live ? this.stop() : this.start()));
    this.pause.addEventListener("click", () => this.#hold(!this.#paused));
    if (new URLSearchParams(location.search).get("live") === "1") this.start();
  }

  // One filter at a time: of several attributes the server could watch only one.
  get filter() {
    const query = new URLSearchParams(location.search);
    return Object.fromEntries(FIELDS.map((name) => [name, query.get(name) ?? ""]));
  }

  start() {
    if (new URLSearchParams(location.search).getAll("attr").length > 1) {
      this.said.textContent = this.texts.oneField;
      return;
    }
    this.scroll.hidden = this.pause.hidden = false;
    this.#mark("1");
    this.#live = new Live([topic("logs", this.filter)], {
      message: (message) => this.#take(message),
      state: (state) => {
        this.#link = { waiting: this.texts.waiting, connecting: this.texts.connecting, "signed-out": this.texts.signedOut, paused: this.texts.resting }[state] ?? "";
        this.#tell();
      },
    });
    this.#tell();
  }

  stop() {
    this.#live?.close();
    this.#live = null;
    this.#hold(false);
    this.pause.hidden = true;
    this.#mark("");
    this.#tell();
  }

  #mark(value) {
    this.toggle.setAttribute("aria-pressed", String(Boolean(value)));
    this.toggle.textContent = value ? this.texts.stop : this.texts.start;
    const query = new URLSearchParams(location.search);
    if (value) query.set("live", value);
    else query.delete("live");
    history.replaceState(history.state, "", `?${query}`);
  }

  #take(message) {
    if (message.state === "ok") this.#lines(message.data);
    else {
      this.#link = message.state === "refused" ? fill(this.texts.refused, { message: message.message }) : message.message;
      if (message.state === "refused") this.stop();
      this.#tell();
    }
  }

  #lines({ run, seen, gap, lines }) {
    const from = lines.length ? lines[0].n - 1 : seen;
    // Another server took over, and began to count anew: what came between cannot be known.
    if (run !== this.#run) {
      if (this.#run) this.#add([{ note: this.texts.gap }]);
      [this.#run, this.#last] = [run, from];
    }
    if (gap) this.#add([{ note: this.texts.gap }]);
    const fresh = lines.filter((line) => line.n > this.#last);
    this.#lost += Math.max(0, seen - this.#last - fresh.length);
    this.#last = seen;
    const unknown = fresh.filter((line) => !this.#known.has(line.id));
    for (const line of unknown) this.#known.add(line.id);
    for (const id of this.#known) {
      if (this.#known.size <= 2 * MOST_WAITING) break;
      this.#known.delete(id);
    }
    this.#add(unknown);
    this.#tell();
  }

  #add(lines) {
    if (!this.#paused) return this.#show(lines);
    this.#waiting.push(...lines);
    this.#lost += Math.max(0, this.#waiting.length - MOST_WAITING);
    this.#waiting = this.#waiting.slice(-MOST_WAITING);
    return undefined;
  }

  #show(lines) {
    if (!lines.length) return;
    const { list, scroll } = this;
    const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 40;
    list.append(...lines.slice(-MOST_ROWS).map((line) => this.#row(line)));
    while (list.children.length > MOST_ROWS) list.firstChild.remove();
    // Who has scrolled up reads.
    if (atEnd) scroll.scrollTop = scroll.scrollHeight;
  }

  #row(line) {
    if (line.note) return el("li", { class: "ph-lead" }, line.note);
    const trace = line.trace_id && el("a", { href: this.root.dataset.trace.replace("ID", line.trace_id), class: "ph-mono" }, `${line.trace_id.slice(0, 8)}…`);
    return el("li", {}, stamp(line.ts), " ", el("span", { class: "ph-level", dataset: { level: line.level } }, line.level || "–"), " ",
      el("b", {}, visible(line.service)), " ", el("span", { class: "ph-mono" }, visible(line.body) + (line.cut ? "…" : "")), " ", trace);
  }

  #hold(paused) {
    this.#paused = paused;
    this.pause.textContent = paused ? this.texts.resume : this.texts.pause;
    this.pause.setAttribute("aria-pressed", String(paused));
    if (!paused) this.#show(this.#waiting.splice(0));
    this.#tell();
  }

  #tell() {
    const { texts } = this;
    const parts = [];
    if (this.#live) parts.push(this.#link || texts.following);
    else if (this.#link) parts.push(this.#link);
    if (this.#waiting.length) parts.push(fill(texts.held, { n: this.#waiting.length }));
    if (this.#lost) parts.push(fill(texts.lost, { n: this.#lost.toLocaleString() }));
    const text = parts.join(" · ");
    if (this.said.textContent !== text) this.said.textContent = text;
    this.said.dataset.lost = this.#lost;
  }
}
