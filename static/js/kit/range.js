// The time range of the page. Its state is the address; only the server reads it, this module
// moves it: the buttons, a drag on a chart, the keys. `ph:range` tells the panels to load again.

import { fromLocal, localise, prefs, zoned } from "./format.js";

const form = document.querySelector("form[data-range]");
const soft = Boolean(form && "soft" in form.dataset);
const ABSOLUTE = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?)?$/;
let known = form ? { from: form.dataset.from, to: form.dataset.to, start: Number(form.dataset.start), end: Number(form.dataset.end) } : null;

function address(from, to) {
  const query = new URLSearchParams(location.search);
  query.delete("range");
  query.set("from", from);
  query.set("to", to);
  return `${location.pathname}?${query}`;
}

function go(from, to) {
  if (!soft) {
    location.assign(address(from, to));
    return;
  }
  const target = address(from, to);
  if (target === location.pathname + location.search) return;
  history.pushState(null, "", target);
  known = { ...known, from: String(from), to: String(to) };
  dispatchEvent(new CustomEvent("ph:range"));
}

const step = (name) => {
  const link = form?.querySelector(`[data-range-step="${name}"]`);
  if (link?.href) follow(link);
};

function follow(link) {
  const query = new URL(link.href).searchParams;
  go(query.get("from"), query.get("to"));
}

export const range = {
  present: Boolean(form),
  soft,
  get known() { return known; },
  // The range as the server wants to hear it.
  query() {
    const here = new URLSearchParams(location.search);
    const old = here.get("range");
    const from = here.get("from") ?? (old ? `now-${old}` : form?.dataset.default ?? "now-15m");
    return new URLSearchParams({ from, to: here.get("to") ?? "now" });
  },
  zoom(startMs, endMs) {
    // A click that trembled is no wish to zoom.
    if (endMs - startMs >= 2000) go(Math.round(startMs), Math.round(endMs));
  },
  out: () => step("wider"),
  shift: (direction) => step(direction < 0 ? "earlier" : "later"),
  // Takes in what the server answered about the range (`Choice.told`).
  adopt(told) {
    known = told;
    if (!form) return;
    fill("from", told.from);
    fill("to", told.to);
    label(told);
    for (const name of ["earlier", "later", "wider"]) {
      const link = form.querySelector(`[data-range-step="${name}"]`);
      if (told[name]) {
        link.href = address(...told[name]);
        link.removeAttribute("aria-disabled");
      } else {
        link.removeAttribute("href");
        link.setAttribute("aria-disabled", "true");
      }
    }
    for (const link of form.querySelectorAll("[data-range-link]")) {
      const query = new URL(link.href).searchParams;
      const current = query.get("from") === told.from && query.get("to") === told.to;
      if (current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  },
};

// What somebody is typing is theirs until the menu closes: an answer that comes meanwhile waits.
const typed = new Set();

function fill(name, text) {
  if (!typed.has(name)) form.elements[name].value = zoned(text);
}

function label(told) {
  const place = form.querySelector("[data-range-label]");
  if (told.label) {
    place.textContent = told.label;
    return;
  }
  place.replaceChildren(time(told.start), " – ", time(told.end));
  localise(place);
}

function time(ms) {
  const element = document.createElement("time");
  element.dateTime = new Date(ms).toISOString();
  element.dataset.moment = "";
  return element;
}

if (form) {
  form.addEventListener("click", (event) => {
    const link = event.target.closest("[data-range-step], [data-range-link]");
    if (!link?.href || !soft || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    follow(link);
    form.querySelector("[data-menu]").open = false;
  });
  // People type the time of their own zone; the address holds UTC.
  form.addEventListener("formdata", (event) => {
    for (const name of ["from", "to"]) {
      const text = String(event.formData.get(name)).trim();
      if (prefs.zone !== "utc" && ABSOLUTE.test(text)) event.formData.set(name, new Date(fromLocal(text)).toISOString());
    }
  });
  for (const name of ["from", "to"]) {
    const field = form.elements[name];
    // It may have been typed in before this module ran.
    if (field.value === field.defaultValue) field.value = zoned(field.value);
    else typed.add(name);
    field.addEventListener("input", () => typed.add(name));
  }
  form.querySelector("[data-menu]").addEventListener("toggle", (event) => {
    if (event.target.open) return;
    typed.clear();
    fill("from", known.from);
    fill("to", known.to);
  });
  if (form.querySelector("[aria-invalid]")) form.querySelector("[data-menu]").open = true;
  addEventListener("popstate", () => {
    if (soft) dispatchEvent(new CustomEvent("ph:range"));
  });
}

// One timer for the page; it rests while the tab is hidden.
const EVERY_MS = { "5s": 5000, "30s": 30_000, "1m": 60_000 };
const select = form?.querySelector("[data-refresh]");
let timer = null;
function schedule() {
  clearInterval(timer);
  const every = EVERY_MS[select?.value];
  if (every && !document.hidden) timer = setInterval(() => dispatchEvent(new CustomEvent("ph:refresh")), every);
}
if (select) {
  select.addEventListener("change", () => {
    const query = new URLSearchParams(location.search);
    if (select.value === "off") query.delete("refresh");
    else query.set("refresh", select.value);
    history.replaceState(null, "", `${location.pathname}?${query}`);
    schedule();
  });
  document.addEventListener("visibilitychange", schedule);
  schedule();
}
