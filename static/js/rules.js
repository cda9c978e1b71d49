// The editor of a rule: shows the fields that count, and what the rule would have done.

import { Chart } from "./kit/chart.js";
import { getJson } from "./kit/client.js";
import { el, visible } from "./kit/dom.js";
import { age, fill, fullMoment, number, withUnit } from "./kit/format.js";
import { suggest } from "./kit/suggest.js";
import { texts as kitTexts, textsOf } from "./kit/texts.js";

const place = document.getElementById("rule-preview");
const form = document.getElementById("rule_form");
const texts = { ...kitTexts, ...textsOf(place) };
const kinds = JSON.parse(place.dataset.kinds);
const chart = new Chart(place.querySelector("[data-panel]"));
const sentence = place.querySelector("[data-sentence]");
const days = place.querySelector("[data-days]");
const COLOURS = { warning: "#d97706", critical: "#dc2626" };
const PAUSE_MS = 500;
let timer = null;
let control = null;
let asked = "";

// The row of a field, whatever the theme calls it.
const rowOf = (name) => form.querySelector(`.field-${CSS.escape(name)}`) ?? document.getElementById(`id_${name}`)?.closest(".field-row, .form-row");

function showFields() {
  const chosen = form.elements.namedItem("condition")?.value ?? "threshold";
  const unused = new Set(kinds[chosen]?.unused ?? []);
  const every = new Set(Object.values(kinds).flatMap((kind) => [...kind.fields, ...kind.unused]));
  for (const name of every) {
    const row = rowOf(name);
    if (!row) continue;
    const foreign = name.startsWith("config_") && !kinds[chosen]?.fields.includes(name);
    row.hidden = foreign || unused.has(name);
  }
}

function body() {
  const data = new FormData(form);
  data.set("days", days.value);
  data.set("pk", place.dataset.pk);
  // Files and inlines are nothing to preview; unchanged questions are not asked twice.
  for (const name of [...data.keys()]) if (name.startsWith("versions-") || name.startsWith("_")) data.delete(name);
  return new URLSearchParams([...data].filter(([, value]) => typeof value === "string"));
}

// Young figures would be a smudge at the right edge of a long range: it is drawn from their beginning.
function drawnFrom({ figure, start, end }) {
  const first = figure.data.reduce((least, { x, y }) => Math.min(least, x[y.findIndex((value) => value !== null)] ?? end), end);
  return first - start > (end - start) / 4 && first < end ? first - (end - first) / 50 : start;
}

function notes(answer) {
  const told = [];
  const { unknown, close } = answer.metric ?? {};
  if (unknown) told.push(fill(texts.unknown, { name: visible(unknown) }), ...(close.length ? [fill(texts.close, { names: close.join(", ") })] : []));
  if (answer.held) told.push(fill(texts.held, { text: answer.held }));
  if (answer.complete === false) told.push(texts.cut);
  if (answer.figure && drawnFrom(answer) > answer.start) told.push(fill(texts.young, { at: fullMoment(drawnFrom(answer)) }));
  if (answer.groups) told.push(fill(texts.steps, { n: number(answer.groups), step: age(answer.step_s) }));
  return told.join(" ");
}

function showFirings(answer) {
  const details = place.querySelector(".ph-rule-firings");
  details.hidden = !answer.firings.length;
  const told = (value) => (value === null ? texts.noData : withUnit(value, answer.unit));
  details.querySelector("tbody").replaceChildren(...answer.firings.slice(0, answer.shown).map((one) => el("tr", {},
    el("td", {}, fullMoment(one.from)), el("td", {}, one.open ? texts.still : fullMoment(one.to)),
    el("td", {}, texts[one.severity]), el("td", {}, visible(one.name)), el("td", { class: "ph-number" }, told(one.worst)))));
}

function show(answer) {
  place.querySelector("[data-notes]").textContent = notes(answer);
  if (answer.errors) {
    const why = answer.errors.__all__ ?? [];
    sentence.dataset.bad = "";
    // Nobody has made a mistake in a form that is still empty.
    const begun = place.dataset.pk || form.elements.namedItem("metric")?.value || form.elements.namedItem("condition")?.value !== "threshold";
    sentence.textContent = begun ? [texts.mend, ...why].join(" ") : texts.begin;
    if (chart.start === undefined) chart.state.empty(texts.begin);
    return;
  }
  delete sentence.dataset.bad;
  sentence.textContent = answer.summary;
  chart.unit = answer.unit;
  chart.load(answer.figure);
  chart.limits = answer.limits.map(({ severity, value, clear }) => ({
    value, colour: COLOURS[severity], dash: clear ? "dot" : "solid",
    text: `${clear ? texts.clears : texts[severity]} ${withUnit(value, answer.unit)}`,
  }));
  chart.bands = answer.firings.map(({ from, to, severity }) => ({ from, to, colour: COLOURS[severity] }));
  chart.window(drawnFrom(answer), answer.end);
  chart.restyle();
  showFirings(answer);
  place.querySelector("[data-variants]").textContent = answer.variants
    .map(({ share, fired }) => fill(texts.variant, { share: `${share > 0 ? "+" : "−"}${Math.abs(share * 100)}`, n: number(fired) })).join(" · ");
}

async function load() {
  const wish = body();
  const key = wish.toString();
  if (key === asked) return;
  asked = key;
  control?.abort();
  control = new AbortController();
  try {
    const answer = await fetch(place.dataset.try, { method: "POST", body: wish, signal: control.signal, headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    if (error.name === "AbortError") return;
    asked = "";
    chart.state.error(error.message, { retry: load });
  }
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(load, PAUSE_MS);
}

place.hidden = false;
showFields();
form.addEventListener("change", (event) => {
  if (event.target.name === "condition") showFields();
  later();
});
form.addEventListener("input", later);
const metric = form.elements.namedItem("metric");
if (metric) {
  suggest(metric, async (text) => {
    const { items } = await getJson(`${place.dataset.names}?${new URLSearchParams({ search: text, page_size: 30 })}`, { slot: "names" });
    return items.map((item) => item.name);
  });
}
new MutationObserver(() => chart.restyle()).observe(document.documentElement, { attributeFilter: ["class"] });
await load();
