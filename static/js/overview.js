// The Overview: loads the whole range once, then takes the live topic's newest end.

import { csvLinks, dataAddress } from "./kit/board.js";
import { Chart } from "./kit/chart.js";
import { getJson } from "./kit/client.js";
import { Components } from "./kit/components.js";
import { el } from "./kit/dom.js";
import { age, fill, moment, number, time, withUnit } from "./kit/format.js";
import { Live } from "./kit/live.js";
import { range } from "./kit/range.js";
import { announce } from "./kit/say.js";
import { texts as kitTexts, textsOf } from "./kit/texts.js";
import { showTile } from "./kit/tile.js";

const page = document.getElementById("overview");
const texts = { ...kitTexts, ...textsOf(page) };
const charts = [...page.querySelectorAll("[data-panel]")].map((card) => new Chart(card));
const seen = { link: "connecting", at: null, intervalS: 2, retryAt: 0, message: null, error: null, refused: "", before: {}, range: null };
const components = new Components(page.querySelector("[data-components]"));
let loading = null;
let live = null;
let topic = "";

// Replaces children only when their content differs: screen readers and selections stay in peace.
function put(parent, children) {
  const fresh = el("div");
  fresh.append(...children);
  if (parent.innerHTML !== fresh.innerHTML) parent.replaceChildren(...fresh.childNodes);
}

// In a live range a tile is the last minute, else the whole range.
function showTiles(tiles) {
  const told = seen.range;
  const beforeText = told?.live ? fill(texts.ago, { age: age((told.end - told.start) / 1000) }) : texts.rangeBefore;
  for (const tile of page.querySelectorAll("[data-tile]")) {
    const key = tile.dataset.tile;
    const value = tiles[key];
    const usual = told?.live === false ? texts.wholeRange : texts.lastMinute;
    const note = value == null && told?.live !== false ? texts.idle : usual;
    showTile(tile, { value, note, before: seen.before[key] ?? null, beforeText });
  }
}

// A utilisation is a share of one: people read it in percent.
const figure = ({ unit, metric }) => (value) =>
  unit === "1" && metric.endsWith(".utilization") ? `${number(100 * value)} %` : withUnit(value, unit === "1" || unit.startsWith("{") ? "" : unit);

function showAlerts(alerts, trouble) {
  const list = page.querySelector("[data-alerts]");
  const items = alerts.map((alert) => {
    const item = el("li", { class: "ph-alert", dataset: { severity: alert.severity } });
    const word = texts[alert.severity === "critical" ? "severityCritical" : "severityWarning"];
    const link = el("a", { href: list.dataset.href.replace("00000000-0000-0000-0000-000000000000", alert.id) }, alert.rule);
    const told = figure(alert);
    const value = alert.value === null ? texts.noData : told(alert.value);
    const limit = alert.threshold === null ? "" : fill(texts[alert.direction === "below" ? "below" : "above"], { threshold: told(alert.threshold) });
    const labels = Object.entries(alert.labels).map(([key, text]) => `${key}=${text}`).join(" ");
    item.append(el("span", { class: "ph-word" }, word), link, el("span", {}, `${value} ${limit}`), el("small", {}, labels),
      el("small", { class: "ph-right" }, fill(texts.since, { time: moment(alert.since) })));
    return item;
  });
  for (const rule of trouble) {
    items.push(el("li", { class: "ph-alert", dataset: { severity: "unknown" } }, el("span", {}, fill(texts.trouble, rule))));
  }
  put(list, items.length ? items : [el("li", { class: "ph-calm" }, texts.noAlerts)]);
}

const banner = (kind, ...parts) => el("p", { class: "ph-banner", dataset: { kind } }, ...parts);

// Whole tens of seconds: a countdown would chatter in a screen reader.
const coarse = (ms) => age(Math.max(1, Math.ceil(ms / 10_000)) * 10);

function banners() {
  const found = [];
  const old = seen.at === null ? "?" : coarse(Date.now() - seen.at);
  if (seen.link === "signed-out") {
    found.push(banner("error", `${texts.signedOut} `, el("a", { href: page.dataset.login }, texts.signIn)));
  } else if (seen.link === "waiting" && seen.retryAt) {
    found.push(banner("error", fill(texts.offline, { age: coarse(seen.retryAt - Date.now()) })));
  }
  // Before the first figures the panels themselves say what failed.
  if (seen.error && seen.at !== null) found.push(banner("error", fill(texts[`error${seen.error[0].toUpperCase()}${seen.error.slice(1)}`] ?? texts.errorFailed, { age: old })));
  if (seen.refused) found.push(banner("warning", fill(texts.refused, { message: seen.refused })));
  for (const part of seen.message?.components ?? []) {
    if (part.status === "down") found.push(banner("error", fill(texts.down, components.told(part))));
  }
  const message = seen.message;
  if (message && !seen.error) {
    const limit = Math.max(90, 3 * message.step_s) * 1000;
    const newest = message.newest_at ?? seen.newest;
    if (!newest) found.push(banner("warning", texts.noneYet));
    else if (message.end - newest > limit) found.push(banner("warning", fill(texts.old, { time: moment(newest) })));
  }
  put(page.querySelector("[data-banners]"), found);
}

function freshness() {
  const quiet = seen.at === null ? 0 : (Date.now() - seen.at) / 1000;
  if (seen.range?.live === false) return { name: seen.error ? "stale" : "static", quiet };
  const stale = seen.at !== null && (seen.error || quiet > 3 * seen.intervalS);
  if (seen.link === "paused") return { name: "paused", quiet };
  return { name: stale ? "stale" : seen.link === "open" ? "live" : "connecting", quiet };
}

function showState() {
  const { name, quiet } = freshness();
  const place = page.querySelector("[data-live]");
  place.dataset.state = name;
  const text = name === "stale" ? fill(texts.stale, { age: age(quiet) }) : texts[name];
  const words = place.querySelector("[data-live-text]");
  if (words.textContent !== text) words.textContent = text;
  page.dataset.stale = name === "stale";
  banners();
}

function show(message, atMs) {
  seen.message = message;
  seen.at = atMs;
  seen.newest = Math.max(seen.newest ?? 0, message.newest_at ?? 0);
  page.querySelector("[data-as-of]").textContent = fill(texts.asOf, { time: time(atMs) });
  showTiles(message.tiles);
  components.show(message.components);
  showAlerts(message.alerts, message.trouble);
  for (const chart of charts) {
    chart.window(seen.range.sliding ? message.end - seen.lengthMs : seen.start, message.end);
    chart.draw(seen.range.live ? message.tiles[chart.key] : undefined, message.slow.includes(chart.key));
    const nothing = chart.optional && chart.blank;
    chart.card.hidden = nothing;
    page.querySelector(`[data-tile="${chart.key}"]`)?.toggleAttribute("hidden", nothing);
  }
}

async function load() {
  const answer = await getJson(dataAddress(page.dataset.url, page), { slot: "overview", freshMs: 0 });
  const { state: data, figures } = answer;
  Object.assign(seen, { error: null, loaded: true, range: answer.range, before: data.before ?? {}, start: data.start, lengthMs: data.end - data.start, newest: null });
  range.adopt(answer.range);
  for (const chart of charts) chart.load(figures[chart.key]);
  show(data, Date.now());
  csvLinks(page.dataset.url, page);
  follow(answer.topic);
  components.over(answer.range);
}

// Once at a time for live messages; a failure is shown and tried again with the next one.
function reload() {
  loading ??= load().catch(fail).finally(() => { loading = null; showState(); });
  return loading;
}

// The range moved: what was on its way is of the past.
function move() {
  loading = load()
    .then(() => announce(fill(texts.moved, { range: page.querySelector("[data-range-label]").textContent })))
    .catch(fail)
    .finally(() => { loading = null; showState(); });
}

function fail(error) {
  if (error.name === "AbortError") return;
  if (error.status === 401 || error.status === 403) {
    seen.link = "signed-out";
    return;
  }
  seen.error = "failed";
  if (seen.at === null) {
    for (const chart of charts) chart.state.error(error.message, { requestId: error.requestId, retry: reload });
  }
}

function take(message) {
  if (message.topic !== topic) return;
  seen.intervalS = message.interval_s ?? seen.intervalS;
  if (message.state === "refused") seen.refused = message.message;
  else if (message.state === "error") seen.error = message.code;
  else if (!seen.loaded) reload();
  else if (charts.every((chart) => chart.extend(message.data.panels[chart.key] ?? []))) {
    seen.error = null;
    // A pause longer than the live tail leaves a hole that only a load can fill.
    if (seen.message && message.data.start > seen.message.end) reload();
    show(message.data, Date.parse(message.at));
  } else reload();
  showState();
}

// A range that ended has nothing to follow.
function follow(name) {
  if (name === topic) return;
  live?.close();
  topic = name;
  live = null;
  if (!name) return;
  const state = (link, waitMs) => {
    if (name !== topic) return;
    seen.link = link;
    seen.retryAt = waitMs ? Date.now() + waitMs : 0;
    showState();
  };
  live = new Live([name], { message: take, state });
}

new MutationObserver(() => charts.forEach((chart) => chart.restyle())).observe(document.documentElement, { attributeFilter: ["class"] });
addEventListener("ph:range", move);
addEventListener("ph:refresh", (event) => {
  event.preventDefault();
  reload();
});
setInterval(showState, 1000);
await reload();
