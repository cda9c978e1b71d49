// A strip of slices of time: how a component fared in each. State is told by height and form, by
// colour and in words; a slice of which nothing is known is an empty frame, never a good one.

import { getJson } from "./client.js";
import { el, svg, visible } from "./dom.js";
import { fill, moment } from "./format.js";
import { textsOf } from "./texts.js";

const [WIDTH, GAP, HEIGHT] = [8, 2, 24];
const FORMS = {
  ok: (x) => [rect(x, 0, HEIGHT)],
  degraded: (x) => [rect(x, HEIGHT / 3, (2 * HEIGHT) / 3)],
  down: (x) => [rect(x, 0, HEIGHT), svg("path", { d: `M${x + 1} 8l6 8m0 -8l-6 8`, class: "ph-slot-cross" })],
  unknown: (x) => [rect(x, HEIGHT / 2, HEIGHT / 2)],
  none: (x) => [rect(x + 0.5, HEIGHT - 6.5, 6, WIDTH - 1)],
};
const rect = (x, y, height, width = WIDTH) => svg("rect", { x, y, width, height, rx: 1.5 });

// `history` is what the API gives: {slots: [{start, status}], step_s, kept}. `shared`: a line that
// several strips write to, once somebody points at one; without it a strip has its own.
export function drawTracker(place, history, name, texts = textsOf(place), shared = null) {
  const slots = history.slots;
  // Drawn anew below somebody's hands: they keep the slot they were at.
  const held = place.contains(document.activeElement);
  const before = place.querySelector(".ph-chosen-slot")?.dataset.start;
  if (!history.kept || !slots.length) {
    place.replaceChildren(el("p", { class: "ph-lead" }, history.kept ? texts.none : texts.notKept));
    return;
  }
  const stateOf = (slot) => (slot.status in FORMS ? slot.status : "none");
  const told = (slot) => {
    const from = Date.parse(slot.start);
    return fill(texts.slot, { from: moment(from), to: moment(from + history.step_s * 1000), state: texts[stateOf(slot)] });
  };
  const picture = svg("svg", { viewBox: `0 0 ${slots.length * (WIDTH + GAP) - GAP} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...slots.map((slot, i) => svg("g", { class: "ph-slot", dataset: { state: stateOf(slot), slot: i, start: slot.start } }, svg("title", {}, told(slot)), ...FORMS[stateOf(slot)](i * (WIDTH + GAP)))));
  const readout = shared ?? el("p", { class: "ph-slot-text", "aria-hidden": "true" });
  const strip = el("div", { class: "ph-slots", role: "slider", tabindex: "0", "aria-label": fill(texts.history, { name: visible(name) }), "aria-valuemin": 1, "aria-valuemax": slots.length }, picture);
  let at = Math.max(0, held ? slots.findIndex((slot) => slot.start === before) : slots.length - 1);
  const choose = (i, quietly = false) => {
    picture.children[at].classList.remove("ph-chosen-slot");
    at = Math.max(0, Math.min(i, slots.length - 1));
    picture.children[at].classList.add("ph-chosen-slot");
    strip.setAttribute("aria-valuenow", at + 1);
    strip.setAttribute("aria-valuetext", told(slots[at]));
    if (!quietly) readout.textContent = shared ? `${visible(name)} · ${told(slots[at])}` : told(slots[at]);
  };
  const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity };
  strip.addEventListener("keydown", (event) => {
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(at + steps[event.key]);
  });
  strip.addEventListener("focus", () => choose(at));
  picture.addEventListener("pointerover", (event) => {
    const slot = event.target.closest("[data-slot]");
    if (slot) choose(Number(slot.dataset.slot));
  });
  place.replaceChildren(strip, ...(shared ? [] : [readout]));
  choose(at, Boolean(shared) && !held);
  if (held) strip.focus({ preventScroll: true });
}

// Asks the API at `url` and draws what it says. Gives the error when there was one.
export async function loadTracker(place, { url = place.dataset.url, name = place.dataset.tracker, texts = textsOf(place), shared, slot } = {}) {
  try {
    drawTracker(place, await getJson(url, { slot, freshMs: 0 }), name, texts, shared);
    return null;
  } catch (error) {
    if (error.name === "AbortError") return error;
    const told = fill(texts.historyFailed, { message: visible(error.message) });
    place.replaceChildren(el("p", { class: "ph-failed", title: told }, told));
    return error;
  }
}
