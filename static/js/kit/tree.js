// A collapsible tree for the mouse, the keyboard and the screen reader (ARIA's tree pattern).

import { el, icon } from "./dom.js";
import { fill } from "./format.js";

const MOST_CHILDREN = 200;
const TYPING_MS = 700;

export class Tree {
  #nodes = new WeakMap();
  #typed = "";
  #typedAt = 0;

  // `list`: an empty <ul>. `roots`: nodes. `children(node)`, `name(node)` and `label(node)` say what
  // they are; children are drawn when they are first seen. `texts.more`: "{n} more".
  constructor(list, { roots, children, name, label, texts, open = 2 }) {
    this.list = list;
    this.children = children;
    this.name = name;
    this.label = label;
    this.texts = texts;
    list.setAttribute("role", "tree");
    list.classList.add("ph-tree");
    list.replaceChildren(...this.#items(roots, 1, open));
    const first = list.querySelector("[role=treeitem]");
    if (first) first.tabIndex = 0;
    list.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("click", (event) => this.#click(event));
  }

  toggle(item, open = item.getAttribute("aria-expanded") !== "true") {
    if (!item.hasAttribute("aria-expanded")) return;
    item.setAttribute("aria-expanded", String(open));
    const group = item.querySelector(":scope > ul");
    if (group) group.hidden = !open;
    else if (open) item.append(this.#group(item, 0));
  }

  #items(nodes, level, open) {
    const shown = nodes.slice(0, MOST_CHILDREN).map((node) => this.#item(node, level, open));
    const left = nodes.length - shown.length;
    if (left > 0) shown.push(el("li", { class: "ph-lead", role: "none" }, fill(this.texts.more, { n: left })));
    return shown;
  }

  #item(node, level, open) {
    const inner = this.children(node);
    const item = el("li", { role: "treeitem", tabindex: "-1", "aria-level": level }, el("span", { class: "ph-leaf" }, icon(inner.length ? "chevron_right" : "remove"), this.label(node)));
    this.#nodes.set(item, { node, level });
    if (inner.length) {
      item.setAttribute("aria-expanded", String(open > 1));
      if (open > 1) item.append(this.#group(item, open - 1));
    }
    return item;
  }

  #group(item, open) {
    const { node, level } = this.#nodes.get(item);
    return el("ul", { role: "group" }, ...this.#items(this.children(node), level + 1, open));
  }

  // The items one sees, top to bottom.
  #seen() {
    return [...this.list.querySelectorAll("[role=treeitem]")].filter((item) => !item.parentElement.closest("ul[hidden]"));
  }

  #focus(item) {
    if (!item) return;
    for (const old of this.list.querySelectorAll("[tabindex='0']")) old.tabIndex = -1;
    item.tabIndex = 0;
    item.focus();
  }

  #click(event) {
    const item = event.target.closest("[role=treeitem]");
    if (!item || event.target.closest("a, button") || !document.getSelection().isCollapsed) return;
    this.#focus(item);
    this.toggle(item);
  }

  #key(event) {
    const item = event.target.closest("[role=treeitem]");
    if (!item || event.altKey || event.ctrlKey || event.metaKey) return;
    const act = this.#acts[event.key];
    if (act) act.call(this, item);
    else if (event.key.length === 1) this.#type(item, event.key);
    else return;
    event.preventDefault();
  }

  #acts = {
    ArrowDown(item) { this.#focus(this.#seen()[this.#seen().indexOf(item) + 1]); },
    ArrowUp(item) { this.#focus(this.#seen()[this.#seen().indexOf(item) - 1]); },
    Home() { this.#focus(this.#seen()[0]); },
    End() { this.#focus(this.#seen().at(-1)); },
    Enter(item) { this.toggle(item); },
    " "(item) { this.toggle(item); },
    ArrowRight(item) {
      if (item.getAttribute("aria-expanded") === "true") this.#focus(item.querySelector("[role=treeitem]"));
      else this.toggle(item, true);
    },
    ArrowLeft(item) {
      if (item.getAttribute("aria-expanded") === "true") this.toggle(item, false);
      else this.#focus(item.parentElement.closest("[role=treeitem]"));
    },
  };

  // Goes to the next item whose name begins with what was typed.
  #type(item, letter) {
    const now = performance.now();
    this.#typed = now - this.#typedAt > TYPING_MS ? letter : this.#typed + letter;
    this.#typedAt = now;
    const seen = this.#seen();
    const from = seen.indexOf(item) + (this.#typed.length > 1 ? 0 : 1);
    const wanted = this.#typed.toLowerCase();
    this.#focus([...seen.slice(from), ...seen.slice(0, from)].find((one) => this.name(this.#nodes.get(one).node).toLowerCase().startsWith(wanted)));
  }
}
