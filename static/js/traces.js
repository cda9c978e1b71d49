// The list of traces: each opens to what its services did.

import { data, duration, el, icon, visible } from "./kit/dom.js";
import { fill, plural } from "./kit/format.js";
import { stamp } from "./kit/evidence.js";
import { Prefetch } from "./kit/prefetch.js";
import { Table } from "./kit/table.js";
import { textsOf } from "./kit/texts.js";

const page = document.getElementById("evidence");
const texts = textsOf(page);
const root = document.getElementById("traces");
// Enough for a summary; the trace's own page shows the others.
const SPANS = 300;
// A trace still grows for a while.
const FRESH_MS = 60_000;
const BUSIEST = 5;
const whole = new Prefetch((id) => `${page.dataset.detail.replace("ID", id)}?most=${SPANS}`, { freshMs: FRESH_MS });

const failed = () => el("span", { class: "ph-failed" }, icon("error"), texts.failed);
const columns = [
  { name: "time", cell: (row) => stamp(row.ts) },
  { name: "service", cell: (row) => visible(row.service) },
  { name: "name", cell: (row) => visible(row.name) },
  { name: "status", cell: (row) => (row.failed ? failed() : texts.ok) },
  { name: "duration", cell: (row) => duration(row.duration_us) },
  { name: "trace", cell: (row) => el("a", { href: address(row), class: "ph-mono", "aria-label": fill(texts.trace, { id: row.trace_id }) }, `${row.trace_id.slice(0, 12)}…`) },
];

const address = (row) => page.dataset.trace.replace("ID", row.trace_id);

function detail(row) {
  const place = el("div", { class: "ph-fields" }, el("p", { class: "ph-lead" }, texts.loading));
  whole.get(row.trace_id).then(
    (trace) => place.replaceChildren(...summary(row, trace)),
    (error) => place.replaceChildren(el("p", { class: "ph-failed" }, fill(texts.lost, { message: visible(error.message) })), open(row)),
  );
  return place;
}

const open = (row) => el("p", {}, el("a", { href: address(row) }, texts.showTrace));

function summary(row, trace) {
  const services = trace.services.map((part) => el("li", {}, el("b", {}, visible(part.name)), ` ${plural(texts, "part", part.spans, { failed: part.failed, self: duration(part.self_us) })}`));
  const busiest = [...trace.spans].sort((a, b) => b.self_us - a.self_us).slice(0, BUSIEST);
  const spans = busiest.map((span) => el("li", {}, `${visible(span.name)} · ${visible(span.service)} · ${duration(span.self_us)} `, span.failed ? failed() : ""));
  return [
    open(row),
    el("h3", {}, texts.services), el("ul", {}, ...services),
    el("h3", {}, texts.busiest), el("ul", {}, ...spans),
  ];
}

if (root && !("plain" in root.dataset)) {
  const table = new Table(root, { columns, first: data("rows"), detail });
  whole.watch(table.body, (element) => {
    const row = element.closest?.(".ph-line");
    return (row && table.pages.row(Number(row.dataset.index))?.trace_id) ?? null;
  });
}
