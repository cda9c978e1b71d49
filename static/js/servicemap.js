// The service map: nodes in columns from callers to callees; the tables below say the same in text.

import { data, duration, svg, visible } from "./kit/dom.js";
import { fill, number } from "./kit/format.js";
import { layers } from "./kit/layers.js";
import { textsOf } from "./kit/texts.js";

const [WIDTH, HEIGHT, ACROSS, DOWN, MARGIN] = [168, 46, 250, 84, 24];
const LETTERS = 22;
// Room for edges that go back below the nodes, and their words.
const BELOW = 32;
// From here on a node or an edge is drawn as failing.
const BAD_SHARE = 0.01;

const page = document.getElementById("evidence");
const texts = textsOf(page);
const map = data("map");

function draw() {
  const readout = page.querySelector("[data-readout]");
  const places = layers(map.nodes.map((node) => node.id), map.edges);
  const nodes = new Map(map.nodes.map((node) => [node.id, node]));
  const deepest = Math.max(...[...places.values()].map((place) => place.layer));
  const rows = count(places);
  const tallest = Math.max(...rows.values());
  const spot = ({ layer, row }) => ({
    x: MARGIN + layer * ACROSS,
    y: MARGIN + (row + (tallest - rows.get(layer)) / 2) * DOWN,
  });
  const back = map.edges.some((edge) => places.get(edge.dst)?.layer <= places.get(edge.src)?.layer && edge.src !== edge.dst);
  const [width, height] = [2 * MARGIN + deepest * ACROSS + WIDTH, 2 * MARGIN + (tallest - 1) * DOWN + HEIGHT + (back ? BELOW : 0)];
  const busiest = Math.max(...map.edges.map((edge) => edge.n), 1);
  const drawn = map.edges.filter((edge) => edge.src !== edge.dst);
  const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": texts.map },
    svg("defs", {}, svg("marker", { id: "ph-arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" }, svg("path", { d: "M0 0L8 4L0 8Z", class: "ph-map-arrow" }))),
    ...drawn.map((edge) => edgeShape(edge, spot(places.get(edge.src)), spot(places.get(edge.dst)), busiest, nodes)),
    ...map.nodes.map((node) => nodeShape(node, spot(places.get(node.id)))));
  picture.addEventListener("pointerover", (event) => say(event));
  picture.addEventListener("focusin", (event) => say(event));
  page.querySelector("[data-map]").replaceChildren(picture);

  function say(event) {
    const told = event.target.closest("a")?.getAttribute("aria-label");
    if (told) readout.textContent = told;
  }
}

function count(places) {
  const rows = new Map();
  for (const { layer } of places.values()) rows.set(layer, (rows.get(layer) ?? 0) + 1);
  return rows;
}

const nameOf = (node) => visible(node.name) || texts.outside;
const p95 = (one) => (one.p95_s === null ? texts.unknown : duration(one.p95_s * 1e6));
const bad = (one) => one.n > 0 && one.err / one.n >= BAD_SHARE;

// Where its spans are: a service's own, else those of who called it.
function tracesOf(node) {
  const query = new URLSearchParams({ from: page.dataset.from, to: page.dataset.to, of: "entries" });
  if (node.kind === "service") query.set("service", node.name);
  return `${page.dataset.traces}?${query}`;
}

function nodeShape(node, { x, y }) {
  const told = fill(node.n ? texts.node : texts.source, { name: nameOf(node), n: number(node.n), err: number(node.err), p95: p95(node) });
  const name = nameOf(node);
  const shape = {
    database: () => svg("path", { d: `M${x} ${y + 7}a${WIDTH / 2} 7 0 0 1 ${WIDTH} 0v${HEIGHT - 14}a${WIDTH / 2} 7 0 0 1 -${WIDTH} 0z` }),
    queue: () => svg("rect", { x, y, width: WIDTH, height: HEIGHT, rx: HEIGHT / 2 }),
    outside: () => svg("ellipse", { cx: x + WIDTH / 2, cy: y + HEIGHT / 2, rx: WIDTH / 2, ry: HEIGHT / 2 }),
    host: () => svg("rect", { x, y, width: WIDTH, height: HEIGHT, "stroke-dasharray": "4 3" }),
  }[node.kind] ?? (() => svg("rect", { x, y, width: WIDTH, height: HEIGHT, rx: 8 }));
  return svg("a", { href: tracesOf(node), class: "ph-map-node", "aria-label": told, "data-bad": bad(node) },
    shape(),
    svg("text", { x: x + WIDTH / 2, y: y + 20 }, name.length > LETTERS ? `${name.slice(0, LETTERS - 1)}…` : name),
    svg("text", { x: x + WIDTH / 2, y: y + 36, class: "ph-map-more" }, node.n ? `${number(node.n)} · ${p95(node)}${node.err ? ` · ✕ ${number(node.err)}` : ""}` : ""));
}

function edgeShape(edge, from, to, busiest, nodes) {
  const [x1, y1, x2, y2] = [from.x + WIDTH, from.y + HEIGHT / 2, to.x, to.y + HEIGHT / 2];
  // Back to an earlier column it leaves below and arrives from below.
  const d = x2 > x1
    ? `M${x1} ${y1}C${x1 + 45} ${y1} ${x2 - 45} ${y2} ${x2 - 2} ${y2}`
    : `M${from.x + WIDTH / 2} ${from.y + HEIGHT}C${from.x + WIDTH / 2} ${from.y + HEIGHT + 40} ${to.x + WIDTH / 2} ${to.y + HEIGHT + 40} ${to.x + WIDTH / 2} ${to.y + HEIGHT + 2}`;
  const width = 1 + (3.5 * Math.log1p(edge.n)) / Math.log1p(busiest);
  const names = { src: nameOf(nodes.get(edge.src)), dst: nameOf(nodes.get(edge.dst)) };
  const told = fill(texts.edge, { ...names, n: number(edge.n), err: number(edge.err), p95: p95(edge), fan: number(edge.fan_out) })
    + (edge.critical_share === null ? "" : ` ${fill(texts.critical, { share: percent(edge.critical_share) })}`);
  const [mx, my] = x2 > x1 ? [(x1 + x2) / 2, (y1 + y2) / 2 - 5] : [(from.x + to.x + WIDTH) / 2, (from.y + to.y) / 2 + HEIGHT + 44];
  return svg("a", { href: tracesOf(nodes.get(edge.dst)), class: "ph-map-edge", "aria-label": told, "data-bad": bad(edge) },
    svg("path", { d, class: "ph-map-reach" }),
    svg("path", { d, "stroke-width": width, "marker-end": "url(#ph-arrow)" }),
    edge.critical_share ? svg("text", { x: mx, y: my }, percent(edge.critical_share)) : "");
}

const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

if (map) draw();
