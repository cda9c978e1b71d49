// The log search: lines as a long list, each opens to its fields.

import { sendJson } from "./kit/client.js";
import { data, el, visible } from "./kit/dom.js";
import { fill } from "./kit/format.js";
import { stamp, onlyThis } from "./kit/evidence.js";
import { Prefetch } from "./kit/prefetch.js";
import { Table } from "./kit/table.js";
import { Tail } from "./kit/tail.js";
import { textsOf } from "./kit/texts.js";

const page = document.getElementById("evidence");
const texts = textsOf(page);
const root = document.getElementById("logs");
const whole = new Prefetch((id) => page.dataset.line.replace("ID", id));

const columns = [
  { name: "time", cell: (row) => stamp(row.ts) },
  { name: "level", cell: (row) => el("span", { class: "ph-level", dataset: { level: row.level } }, row.level || "–") },
  { name: "service", cell: (row) => visible(row.service) },
  { name: "text", cell: (row) => el("span", { class: "ph-body" }, visible(row.body) + (row.cut ? "…" : "")) },
  { name: "trace", cell: (row) => (row.trace_id ? traceLink(row.trace_id, `${row.trace_id.slice(0, 8)}…`) : "") },
];

function traceLink(id, text) {
  return el("a", { href: page.dataset.trace.replace("ID", id), class: "ph-mono", "aria-label": fill(texts.trace, { id }) }, text);
}

function detail(row) {
  const place = el("div", { class: "ph-fields" }, ...fields(row));
  if (row.cut) complete(place, row);
  return place;
}

// What the list left out.
async function complete(place, row) {
  const waiting = el("p", { class: "ph-lead" }, texts.loading);
  place.append(waiting);
  try {
    const line = await whole.get(row.id);
    place.replaceChildren(...fields(row, line));
  } catch (error) {
    waiting.textContent = fill(texts.failed, { message: visible(error.message) });
  }
}

function fields(row, line = row) {
  const list = el("dl", { class: "ph-dl" });
  const add = (name, value, ...more) => list.append(el("dt", {}, visible(name)), el("dd", {}, visible(value), ...more.filter(Boolean).flatMap((one) => [" ", one])));
  add(texts.time, row.ts);
  add(texts.service, row.service, only("service", row.service, texts.service));
  if (row.level) add(texts.level, row.level, only("level", row.level, texts.level));
  if (row.trace_id) {
    add(texts.traceId, row.trace_id, el("a", { href: page.dataset.trace.replace("ID", row.trace_id) }, texts.showTrace), only("trace", row.trace_id, texts.traceId));
  }
  if (row.span_id) add(texts.spanId, row.span_id);
  for (const [name, value] of Object.entries(line.attrs ?? {})) {
    const plain = ["string", "boolean"].includes(typeof value) || Number.isInteger(value);
    const text = typeof value === "string" ? value : JSON.stringify(value);
    // A name with a colon could not be told from its value.
    const link = plain && !name.includes(":") && text && text.length < 1000 ? only("attr", `${name}:${text}`, name, text) : null;
    add(name, text, link);
  }
  return [list, body(row, line)];
}

function body(row, line) {
  const text = el("pre", { class: "ph-whole" }, visible(row.body));
  if (line.body_length <= row.body.length) return text;
  if (line === row) {
    text.append("…");
    return text;
  }
  const more = el("button", { type: "button", class: "ph-link" }, fill(texts.showAll, { n: line.body_length.toLocaleString() }));
  more.addEventListener("click", () => {
    text.textContent = visible(line.body);
    text.tabIndex = 0;
    more.remove();
    text.focus();
  });
  return el("div", {}, text, more);
}

function only(parameter, value, name, shown = value) {
  const told = fill(texts.only, { name: visible(name), value: visible(shown).slice(0, 100) });
  return el("a", { href: onlyThis(parameter, value), class: "ph-only", "aria-label": told, title: told }, texts.onlyThis);
}

if (root && !("plain" in root.dataset)) {
  const table = new Table(root, { columns, first: data("rows"), detail });
  const cutRow = (element) => {
    const row = element.closest?.(".ph-line");
    const found = row ? table.pages.row(Number(row.dataset.index)) : null;
    return found?.cut ? found.id : null;
  };
  whole.watch(table.body, cutRow);
}

const follow = document.getElementById("follow");

// The whole search as a file, by the worker.
async function exportAll(place, said) {
  const query = new URLSearchParams(location.search);
  const wish = { from: place.dataset.from, to: place.dataset.to, attr: query.getAll("attr") };
  for (const name of ["service", "level", "text", "trace", "request"]) if (query.get(name)) wish[name] = query.get(name);
  try {
    await sendJson("POST", place.dataset.export, wish, place.querySelector("[name=csrfmiddlewaretoken]").value);
    location.assign(place.dataset.exports);
  } catch (error) {
    said.textContent = visible(error.message);
  }
}

if (follow) {
  new Tail(follow);
  follow.querySelector("[data-export-now]")?.addEventListener("click", () => exportAll(follow, follow.querySelector("[data-said]")));
}
