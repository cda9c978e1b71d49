// The Performance page's live table: the last five minutes, newest figures every few seconds.

import { duration, el, visible } from "./kit/dom.js";
import { fill, number, time } from "./kit/format.js";
import { Live, topic } from "./kit/live.js";
import { textsOf } from "./kit/texts.js";

const page = document.getElementById("performance");
const body = page.querySelector("[data-now]");
const texts = textsOf(page);
const asOf = page.querySelector("[data-as-of]");
let at = null;

const took = (ms) => (ms === null ? "–" : duration(ms * 1000));
const share = (value) => (value === null ? "–" : `${number(100 * value)} %`);

function rate(perS) {
  const [factor, unit] = [[1, "s"], [60, "min"], [3600, "h"]].find(([by, word]) => perS * by >= 1 || word === "h");
  return `${number(perS * factor)}/${unit}`;
}

// The same operation's page, in the range that is shown.
function address({ service, name, kind }) {
  const query = new URLSearchParams(location.search);
  for (const key of ["text", "order"]) query.delete(key);
  for (const [key, value] of Object.entries({ service, name, kind })) query.set(key, value);
  return `${page.dataset.operation}?${query}`;
}

const cells = (row) => [rate(row.per_s), share(row.error_share), took(row.p50_ms), took(row.p95_ms), took(row.p99_ms), took(row.p999_ms)];

function line(head, row) {
  const [per, errors, ...rest] = cells(row);
  return el("tr", {}, el("th", { scope: "row" }, ...head), el("td", {}, per), el("td", { class: row.error_share ? "ph-bad-text" : null }, errors), ...rest.map((text) => el("td", {}, text)));
}

function show({ all, rows }) {
  const lines = rows.map((row) => line([el("a", { href: address(row) }, visible(row.name)), el("small", { class: "ph-lead" }, visible(row.service))], row));
  if (!rows.length) lines.push(el("tr", {}, el("th", { scope: "row", colspan: 7 }, texts.none)));
  else lines.push(line([el("b", {}, body.dataset.tAll)], all));
  // A link that has the focus keeps it.
  const focused = document.activeElement?.closest?.("[data-now] a")?.getAttribute("href");
  body.replaceChildren(...lines);
  if (focused) [...body.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
}

function tell(text) {
  const said = fill(text, { time: at ? time(at) : "…" });
  if (asOf.textContent !== said) asOf.textContent = said;
}

if (body && page.dataset.topic) {
  new Live([topic(page.dataset.topic, { service: page.dataset.service })], {
    message: (message) => {
      if (message.state !== "ok") return tell(texts.stale);
      at = Date.parse(message.at) || Date.now();
      if (message.data) show(message.data);
      return tell(texts.now);
    },
    state: (state) => {
      if (state !== "open" && state !== "connecting") tell(texts.stale);
    },
  });
}
