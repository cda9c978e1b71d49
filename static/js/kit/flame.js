// A flame graph: every frame as wide as the time spent in it and in what it called.

import { duration, el, svg, visible } from "./dom.js";
import { fill, plural } from "./format.js";
import { callTree, frames } from "./spans.js";

const HEIGHT = 22;
const LETTER = 6.6;
// Frames thinner than this are left out, and counted.
const LEAST_PX = 1.5;

export class Flame {
  #merged = true;
  #focus = null;

  constructor(root, { trace, services, texts }) {
    this.root = root;
    this.spans = trace.spans;
    this.services = services;
    this.texts = texts;
    this.plot = root.querySelector("[data-plot]");
    this.readout = root.querySelector("[data-readout]");
    this.path = root.querySelector("[data-trail]");
    for (const choice of root.querySelectorAll("[data-merge]")) {
      choice.addEventListener("change", () => this.merge(choice.value === "1"));
    }
    this.plot.addEventListener("click", (event) => this.#pressed(event.target));
    this.plot.addEventListener("pointerover", (event) => this.#say(this.#frame(event.target)));
    this.plot.addEventListener("focusin", (event) => this.#say(this.#frame(event.target)));
    this.plot.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => {
      if (this.plot.clientWidth !== this.width) this.draw();
    }).observe(this.plot);
    this.merge(true);
  }

  merge(merged) {
    this.#merged = merged;
    this.tree = callTree(this.spans, { merged: this.#merged });
    this.#focus = null;
    this.zoom(this.tree);
  }

  // Lets one frame fill the width.
  zoom(node) {
    this.top = node;
    this.#focus = null;
    this.draw();
  }

  draw() {
    this.width = this.plot.clientWidth;
    if (!this.width) return;
    const { frames: found, hidden } = frames(this.top, { least: LEAST_PX / this.width });
    this.frames = found;
    const levels = Math.max(...found.map((frame) => frame.level)) + 1;
    const picture = svg("svg", { class: "ph-flame", width: "100%", height: levels * HEIGHT, role: "group", "aria-label": this.texts.flame });
    found.forEach((frame, i) => picture.append(this.#shape(frame, i)));
    this.plot.replaceChildren(picture);
    this.#focus = null;
    this.#rove(0);
    this.#trail(hidden);
  }

  #shape(frame, i) {
    const [x, width] = [frame.x * this.width, Math.max(frame.width * this.width - 1, 1)];
    const place = { x, y: frame.level * HEIGHT, width, height: HEIGHT - 2 };
    const group = svg("g", { role: "button", tabindex: "-1", "aria-label": this.#told(frame), dataset: { frame: i } });
    if (frame.node.above) group.append(...this.services.bar(frame.node.service, place, frame.node.failed > 0), ...this.#critical(frame, x, width));
    else group.append(svg("rect", { ...place, rx: 2, class: "ph-flame-all" }));
    const letters = Math.floor((width - 8) / LETTER);
    const name = (frame.node.failed ? "✕ " : "") + visible(this.#name(frame.node));
    if (letters >= 3) group.append(svg("text", { x: x + 4, y: frame.level * HEIGHT + 14, class: frame.node.above ? "ph-flame-name" : "" }, name.length > letters ? `${name.slice(0, letters - 1)}…` : name));
    return group;
  }

  // A line along the foot, as long a part of the frame as the trace's end waited for its own work.
  #critical({ node, level }, x, width) {
    if (!node.critical || !node.total) return [];
    const part = Math.min(node.critical / node.total, 1);
    return [svg("rect", { x, y: level * HEIGHT + HEIGHT - 6, width: Math.max(width * part, 1), height: 3, class: "ph-critical" })];
  }

  #name(node) {
    return node.above ? node.name : this.texts.whole;
  }

  #told(frame) {
    const { node } = frame;
    const whole = this.tree.total || 1;
    const told = plural(this.texts, "frame", node.count, {
      name: visible(this.#name(node)), service: visible(node.service), total: duration(node.total), self: duration(node.self),
      percent: `${((100 * node.total) / whole).toFixed(1)} %`,
    });
    const critical = node.critical ? ` ${fill(this.texts.critical, { us: duration(node.critical) })}` : "";
    return told + critical + (node.failed ? ` ${fill(this.texts.failedCount, { n: node.failed })}` : "");
  }

  // The way back up, as buttons.
  #trail(hidden) {
    const way = [];
    for (let node = this.top.above; node; node = node.above) way.unshift(node);
    const buttons = way.map((node) => el("button", { type: "button", class: "ph-link", onclick: () => this.zoom(node) }, visible(this.#name(node))));
    const parts = buttons.flatMap((button) => [button, " › "]);
    parts.push(el("b", {}, visible(this.#name(this.top))));
    if (hidden) parts.push(` · ${plural(this.texts, "thin", hidden)}`);
    this.path.replaceChildren(...parts);
  }

  #frame(target) {
    const group = target.closest?.("[data-frame]");
    return group ? Number(group.dataset.frame) : -1;
  }

  #pressed(target) {
    const i = this.#frame(target);
    if (i < 0) return;
    // A press on the frame that already fills the width leads back up.
    const { node } = this.frames[i];
    this.zoom(node === this.top && node.above ? node.above : node);
    this.#rove(0, true);
  }

  #say(i) {
    if (i >= 0) this.readout.textContent = this.#told(this.frames[i]);
  }

  #rove(i, focus = false) {
    const groups = this.plot.querySelectorAll("[data-frame]");
    groups[this.#focus ?? 0]?.setAttribute("tabindex", "-1");
    this.#focus = i;
    groups[i]?.setAttribute("tabindex", "0");
    if (focus) groups[i]?.focus({ preventScroll: false });
  }

  #key(event) {
    const i = this.#frame(event.target);
    if (i < 0) return;
    if (event.key === "Enter" || event.key === " ") this.#pressed(event.target);
    else if (event.key === "Escape" && this.top.above) {
      this.zoom(this.top.above);
      this.#rove(0, true);
    } else {
      const to = this.#beside(i, event.key);
      if (to === undefined) return;
      if (to >= 0) this.#rove(to, true);
    }
    event.preventDefault();
  }

  // The frame an arrow leads to; undefined for any other key, -1 where there is none.
  #beside(i, key) {
    const here = this.frames[i];
    const level = here.level;
    const siblings = () => this.frames.flatMap((frame, j) => (frame.level === level ? [j] : []));
    const ways = {
      ArrowDown: () => this.frames.findIndex((frame) => frame.node.above === here.node),
      ArrowUp: () => this.frames.findIndex((frame) => frame.node === here.node.above),
      ArrowRight: () => siblings()[siblings().indexOf(i) + 1] ?? -1,
      ArrowLeft: () => siblings()[siblings().indexOf(i) - 1] ?? -1,
      Home: () => 0,
      End: () => this.frames.length - 1,
    };
    return ways[key]?.();
  }
}
