// The board of open alerts: drawn anew when something begins, ends or is taken, and driven by keys.

import { localise } from "./kit/format.js";
import { Live } from "./kit/live.js";
import { textsOf } from "./kit/texts.js";

const VALUES_EVERY_MS = 15_000;
const board = document.getElementById("alert-board");
const place = board.querySelector("[data-fresh]");
const status = board.querySelector("[data-live]");
const texts = textsOf(board);
let seen = null;
let fetchedAt = Date.now();
let running = false;

const rows = () => [...place.querySelectorAll("[data-row]")];
const current = () => document.activeElement?.closest?.("[data-row]");

function tell(live) {
  status.dataset.state = live ? "live" : "stale";
  const text = status.querySelector("[data-live-text]");
  const words = live ? texts.live : texts.stale;
  if (text.textContent !== words) text.textContent = words;
}

async function refresh() {
  if (running) return;
  running = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-fresh]");
    if (!page) return;
    // Whoever is in a row stays in it, at the same button.
    const row = current()?.dataset.row;
    const act = document.activeElement?.dataset?.act;
    place.replaceChildren(...document.adoptNode(page).childNodes);
    localise(place);
    const again = row && place.querySelector(`[data-row="${row}"]`);
    if (again) ((act && again.querySelector(`[data-act="${act}"]`)) || again).focus({ preventScroll: true });
    fetchedAt = Date.now();
  } catch {
    // The next message tries again; what is shown stays.
  } finally {
    running = false;
  }
}

new Live([board.dataset.topic], {
  message: (message) => {
    tell(message.state === "ok");
    if (message.state !== "ok" || !message.data) return;
    const changed = seen !== null && seen !== message.data.state;
    seen = message.data.state;
    if (changed || (message.data.open && Date.now() - fetchedAt > VALUES_EVERY_MS)) refresh();
  },
  state: (state) => {
    if (state !== "open" && state !== "connecting") tell(false);
  },
});

function move(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(current());
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by));
  all[next].focus();
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  a: (row) => row?.querySelector('[data-act="acknowledge"]')?.click(),
  s: (row) => row?.querySelector('[data-act="silence"]')?.click(),
  Enter: (row) => row?.querySelector(".al-title")?.click(),
};

addEventListener("keydown", (event) => {
  const act = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : null;
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, button, a, dialog, summary")) return;
  event.preventDefault();
  act(current());
});
