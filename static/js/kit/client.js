// The data client: one request at a time for each slot, few retries, never a storm.

import { texts } from "./texts.js";

const RETRIES = 2;
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 10_000;
const MOST_KEPT = 50;
const FRESH_MS = 5 * 60_000;
const KEPT_MS = 10 * 60_000;

export class ApiError extends Error {
  constructor(status, body) {
    super(body?.message || (status ? `HTTP ${status}` : texts.offline));
    this.status = status;
    this.code = body?.error ?? (status ? "error" : "offline");
    this.details = body?.details ?? {};
    this.requestId = body?.request_id ?? "";
  }
}

const slots = new Map();
const flying = new Map();
const kept = new Map();

// JSON of an address. `slot` names what the request is for: a newer one for it ends the older one.
// Answers younger than `freshMs` come from memory (5 minutes by default, 0 for live views, at most
// the ten minutes they are kept). `signal` gives up waiting; the request itself ends with the last
// who waits for it.
// Throws ApiError, or AbortError when a newer request took over.
export async function getJson(url, { slot = "", freshMs = FRESH_MS, signal = null } = {}) {
  if (isKept(url, freshMs)) {
    claim(slot, null);
    return kept.get(url).body;
  }
  const there = flying.get(url);
  if (there) {
    claim(slot, there);
    return until(signal, there);
  }
  const control = new AbortController();
  const flight = { control, users: 0, done: null };
  claim(slot, flight);
  flying.set(url, flight);
  flight.done = attempts(url, control.signal)
    .then((body) => { if (freshMs) keep(url, body); return body; })
    .finally(() => { if (flying.get(url) === flight) flying.delete(url); });
  return until(signal, flight);
}

// Whether `getJson` would answer from memory.
export function isKept(url, freshMs = FRESH_MS) {
  const found = kept.get(url);
  return found !== undefined && Date.now() - found.at < Math.min(freshMs, KEPT_MS);
}

// What the flight brings, unless its caller gives up before.
function until(signal, flight) {
  if (!signal) return flight.done;
  return new Promise((resolve, reject) => {
    const stop = () => {
      leave(flight);
      reject(signal.reason);
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    flight.done.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

// Sends a change, once: whether a lost one took effect is for a person to see. `token`: Django's.
// Answers the body, null for none; throws ApiError.
export async function sendJson(method, url, body, token) {
  let response;
  try {
    response = await fetch(url, {
      method,
      headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": token },
      body: body === null ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, null);
  }
  const told = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, told);
  return told;
}

// The slot now waits for `flight`. What it waited for before ends, unless somebody else waits too.
function claim(slot, flight) {
  const before = slot ? slots.get(slot) : undefined;
  if (flight && before !== flight) flight.users += 1;
  if (!slot || before === flight) return;
  if (flight) slots.set(slot, flight);
  else slots.delete(slot);
  if (before) leave(before);
}

function leave(flight) {
  flight.users -= 1;
  if (flight.users > 0) return;
  flight.control.abort();
  for (const [url, other] of flying) if (other === flight) flying.delete(url);
}

function keep(url, body) {
  kept.delete(url);
  kept.set(url, { at: Date.now(), body });
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
}

async function attempts(url, signal) {
  for (let attempt = 0; ; attempt++) {
    const { body, error, waitMs } = await once(url, signal);
    if (!error) return body;
    // A 4xx says the request is wrong: asking again would not mend it.
    if (attempt >= RETRIES || (error.status && error.status < 500)) throw error;
    await sleep(Math.min(LONGEST_WAIT_MS, waitMs ?? FIRST_WAIT_MS * 3 ** attempt * (0.7 + 0.6 * Math.random())), signal);
  }
}

async function once(url, signal) {
  let response;
  try {
    response = await fetch(url, { headers: { Accept: "application/json" }, signal });
    if (response.ok) return { body: await response.json() };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return { error: new ApiError(0, null) };
  }
  const told = await response.json().catch(() => null);
  const after = Number(response.headers.get("Retry-After"));
  return { error: new ApiError(response.status, told), waitMs: after > 0 ? after * 1000 : undefined };
}

function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("A newer request took over.", "AbortError"));
    }, { once: true });
  });
}
