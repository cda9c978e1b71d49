// One trace: its spans in time, as flames and as a tree, and its log lines among them.

import { getJson } from "./kit/client.js";
import { data, duration, el, icon, svg, visible } from "./kit/dom.js";
import { Flame } from "./kit/flame.js";
import { fill } from "./kit/format.js";
import { Services } from "./kit/services.js";
import { spansOf } from "./kit/shape.js";
import { SpanDetails } from "./kit/spandetails.js";
import { callTree } from "./kit/spans.js";
import { State } from "./kit/states.js";
import { textsOf } from "./kit/texts.js";
import { Tree } from "./kit/tree.js";
import { Waterfall } from "./kit/waterfall.js";

const page = document.getElementById("evidence");
const place = document.getElementById("views");
if (place) load();

// Small traces come with the page; large ones while it is already there.
async function load() {
  const state = new State(place);
  const here = data("trace-shape");
  if (here) return start(here);
  state.loading();
  try {
    const shape = await getJson(page.dataset.shape, { slot: "shape" });
    state.ready();
    start(shape);
  } catch (error) {
    if (error.name !== "AbortError") state.error(visible(error.message), { requestId: error.requestId, retry: load });
  }
}

function start(shape) {
  const texts = textsOf(page);
  const trace = { ...shape, spans: spansOf(shape), lines: data("trace-lines") };
  const services = new Services(trace.services.map((part) => part.name));
  for (const item of page.querySelectorAll("[data-service]")) item.prepend(services.swatch(trace.services[Number(item.dataset.service)].name));
  const panels = Object.fromEntries([...page.querySelectorAll("[data-panel]")].map((panel) => [panel.dataset.panel, panel]));
  // A view is made when it is first looked at.
  const make = {
    waterfall: () => waterfall(panels.waterfall, trace, texts, services),
    flame: () => new Flame(panels.flame, { trace, services, texts }),
    tree: () => tree(panels.tree, trace, texts, services),
  };

  function show(view) {
    for (const [name, panel] of Object.entries(panels)) panel.toggleAttribute("data-away", name !== view);
    for (const link of page.querySelectorAll(".ph-tabs a")) {
      if (viewOf(link.href) === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    make[view]?.();
    delete make[view];
  }

  const viewOf = (address) => {
    const view = new URL(address).searchParams.get("view");
    return view in panels ? view : "waterfall";
  };
  page.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='?view=']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (link.href !== location.href) history.pushState(null, "", link.href);
    show(viewOf(link.href));
  });
  addEventListener("popstate", () => show(viewOf(location.href)));
  show(viewOf(location.href));
}

function waterfall(panel, trace, texts, services) {
  ruler(panel.querySelector("[data-ruler]"), trace, texts);
  const details = new SpanDetails({ trace, address: page.dataset.span, other: page.dataset.trace, texts });
  const grid = new Waterfall(panel, { trace, services, texts, attributes: (span) => details.of(span) });
  for (const button of panel.querySelectorAll("[data-fold]")) {
    button.addEventListener("click", () => grid.foldAll(button.dataset.fold === "1"));
  }
  panel.querySelector("[data-critical]").addEventListener("change", (event) => grid.onlyCritical(event.target.checked));
  find(panel.querySelector("[data-find]"), panel.querySelector("[data-found]"), grid, texts);
  const wanted = new URLSearchParams(location.search).get("span");
  const at = wanted ? trace.spans.findIndex((span) => span.span_id === wanted) : -1;
  if (at >= 0) grid.show(at);
}

// Enter goes to the next span whose name or service holds what was typed, Shift+Enter to the one before.
function find(input, told, grid, texts) {
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const { n, all } = grid.find(input.value, event.shiftKey ? -1 : 1);
    told.textContent = fill(texts.found, { n, all });
  });
}

// The times along the top, and a mark where each log line was written: a triangle for trouble.
function ruler(place, trace, texts) {
  const whole = Math.max(trace.duration_us, 1);
  const marks = [0, 0.25, 0.5, 0.75, 1].map((part, i) =>
    svg("text", { x: `${part * 100}%`, y: 11, "text-anchor": ["start", "middle", "middle", "middle", "end"][i] }, duration(part * whole)));
  const lines = (trace.lines ?? []).flatMap((line) => {
    const x = (100 * (Date.parse(line.ts) - Date.parse(trace.start)) * 1000) / whole;
    if (x < 0 || x > 100) return [];
    const bad = ["error", "fatal"].includes(line.level);
    return svg("svg", { x: `${x}%`, y: 14, overflow: "visible" },
      svg("path", { d: bad ? "M-4 8L0 0L4 8Z" : "M-1 0H1V8H-1Z", class: bad ? "ph-mark-bad" : "ph-mark" }, svg("title", {}, fill(texts.logLine, { text: visible(line.body).slice(0, 200) }))));
  });
  place.replaceChildren(svg("svg", { class: "ph-ruler", "aria-hidden": "true" }, ...marks, ...lines));
}

function tree(panel, trace, texts, services) {
  const whole = callTree(trace.spans);
  new Tree(panel.querySelector("[data-tree]"), {
    roots: whole.children,
    children: (node) => node.children,
    name: (node) => node.name,
    open: 4,
    texts,
    label: (node) => el("span", {},
      el("b", {}, visible(node.name)), " ", services.label(node.service),
      ` · ${duration(node.total)} · ${fill(texts.self, { self: duration(node.self) })}`,
      node.critical ? ` · ${fill(texts.critical, { us: duration(node.critical) })}` : "",
      node.count > 1 ? ` · ${fill(texts.times, { n: node.count })}` : "",
      node.failed ? el("span", { class: "ph-failed" }, " ", icon("error"), fill(texts.failedCount, { n: node.failed })) : ""),
  });
}
