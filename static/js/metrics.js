// The metric explorer: one chart, its lines as rows, and the observations that carry a trace.

import { plotWidth } from "./kit/board.js";
import { Chart } from "./kit/chart.js";
import { getJson } from "./kit/client.js";
import { el, visible } from "./kit/dom.js";
import { age, fill, fullMoment, local, number, withUnit } from "./kit/format.js";
import { range } from "./kit/range.js";
import { announce } from "./kit/say.js";
import { suggest } from "./kit/suggest.js";
import { texts as kitTexts, textsOf } from "./kit/texts.js";

const page = document.getElementById("explorer");
const texts = { ...kitTexts, ...textsOf(page) };
const chart = new Chart(page.querySelector("[data-panel]"));
// As `unit_word` of the server writes them.
const UNITS = { By: "B", "By/s": "B/s", 1: "" };
let at = null;

function address(more = {}) {
  const here = new URLSearchParams(location.search);
  const query = new URLSearchParams({ name: page.dataset.name });
  for (const name of ["agg", "top", "step"]) if (here.get(name)) query.set(name, here.get(name));
  for (const name of ["where", "by"]) for (const text of here.getAll(name)) if (text) query.append(name, text);
  for (const [name, value] of range.query()) query.set(name, value);
  query.set("width", plotWidth(page));
  for (const [name, value] of Object.entries(more)) query.set(name, value);
  return `${page.dataset.boardUrl}?${query}`;
}

// The address of this page with conditions that only this line meets.
function narrowed(labels) {
  const query = new URLSearchParams(location.search);
  const kept = query.getAll("where").filter(Boolean);
  query.delete("where");
  for (const text of new Set([...kept, ...Object.entries(labels).map(([name, value]) => `${name}=${value}`)])) query.append("where", text);
  return `?${query}`;
}

const told = (value, unit) => (value === null ? texts.noData : withUnit(value, unit === "1" ? "" : unit));

const nameOf = (row) => (row.merged > 1 ? fill(texts.others, { n: number(row.merged) }) : visible(row.name));

function showRows({ rows, unit }) {
  const cell = (value) => el("td", { class: "ph-number" }, told(value, unit));
  page.querySelector("[data-rows] tbody").replaceChildren(...rows.map((row) => {
    const narrow = row.merged === 1 && Object.keys(row.labels).length
      ? el("a", { href: narrowed(row.labels), "aria-label": fill(texts.onlyOf, { name: visible(row.name) }) }, texts.only) : "";
    return el("tr", {}, el("td", {}, nameOf(row)), cell(row.whole), cell(row.min), cell(row.max), cell(row.last), el("td", {}, narrow));
  }));
}

function showExemplars({ exemplars, unit }) {
  const card = page.querySelector("[data-exemplars]");
  card.hidden = !exemplars.length;
  const largest = exemplars.toSorted((a, b) => b.value - a.value);
  card.querySelector("ul").replaceChildren(...largest.map((one) => el("li", {},
    el("a", { href: one.href, title: fill(texts.trace, { id: one.trace_id }) }, `${told(one.value, unit)} · ${fullMoment(one.at)}`))));
  chart.points = exemplars.length ? [{
    name: "", mode: "markers", type: "scatter", cliponaxis: false,
    marker: { symbol: "diamond", size: 8, color: "#8b5cf6", line: { color: "#fff", width: 1 } },
    x: exemplars.map((one) => local(one.at)),
    y: exemplars.map((one) => one.value),
    customdata: exemplars.map((one) => fill(texts.exemplar, { value: told(one.value, unit) })),
    hovertemplate: "%{customdata}<extra></extra>",
    hrefs: exemplars.map((one) => one.href),
  }] : [];
}

function showNotes(answer) {
  const step = age(answer.step_s);
  page.querySelector("[data-groups]").textContent = fill(texts.groups, { n: number(answer.groups), series: number(answer.series), step });
  const notes = [];
  if (answer.cut) notes.push(fill(texts.cut, { n: number(answer.series) }));
  if (answer.interpolated) notes.push(texts.interpolated);
  page.querySelector("[data-banners]").replaceChildren(...notes.map((text) => el("p", { class: "ph-banner" }, text)));
}

function show(answer) {
  at = Date.now();
  range.adopt(answer.range);
  const figure = answer.panels.metric;
  for (const [i, trace] of figure.data.entries()) trace.name = nameOf(answer.rows[i]);
  chart.unit = answer.unit === "1" ? "" : answer.unit;
  chart.card.querySelector("h2 small").textContent = UNITS[answer.unit] ?? answer.unit;
  chart.load(figure);
  showExemplars(answer);
  chart.window(answer.start, answer.end);
  chart.draw(undefined, answer.slow.includes("metric"));
  showRows(answer);
  showNotes(answer);
  const csv = chart.card.querySelector("[data-csv]");
  csv.href = address({ format: "csv", panel: "metric" });
  csv.hidden = false;
  announce(fill(texts.moved, { range: document.querySelector("[data-range-label]")?.textContent ?? "" }));
}

async function load() {
  try {
    show(await getJson(address(), { slot: "explorer", freshMs: 0 }));
  } catch (error) {
    if (error.name === "AbortError") return;
    if (at !== null && !chart.blank && error.status !== 400) chart.state.stale(at);
    else chart.state.error(error.message, { requestId: error.requestId, retry: load });
  }
}

// Words for the fields: metrics by name, labels, and once a label is written its values.
const form = document.getElementById("question");
suggest(form.elements.namedItem("name"), async (text) => {
  const { items } = await getJson(`${page.dataset.names}?${new URLSearchParams({ search: text, page_size: 30 })}`, { slot: "names" });
  return items.map((item) => item.name);
});
const where = form.querySelector("input[list=conditions]");
suggest(where, async (text) => {
  const [, label, operator, part] = /^([^=!~]+)(=~|!~|!=|=)(.*)$/s.exec(text) ?? [];
  const name = page.dataset.name;
  if (!label) {
    const { items } = await getJson(`${page.dataset.labels}?${new URLSearchParams({ name })}`, { slot: "labels" });
    return items.map((item) => `${item.name}=`).filter((one) => one.includes(text.trim()));
  }
  if (operator.endsWith("~")) return [];
  const { items } = await getJson(`${page.dataset.values}?${new URLSearchParams({ name, label, part })}`, { slot: "values" });
  return items.map((item) => `${label}${operator}${item.value}`);
});
// What nobody filled in does not belong into an address that people share.
form.addEventListener("formdata", (event) => {
  const kept = [...event.formData].filter(([, value]) => value !== "");
  for (const name of new Set([...event.formData.keys()])) event.formData.delete(name);
  for (const [name, value] of kept) event.formData.append(name, value);
});

new MutationObserver(() => chart.restyle()).observe(document.documentElement, { attributeFilter: ["class"] });
addEventListener("ph:range", load);
addEventListener("ph:refresh", (event) => {
  event.preventDefault();
  load();
});
await load();
