// Fetches details before one asks: when the pointer or the focus rests on a row. A sweep over a
// hundred rows fetches nothing, and only a few requests run at a time. What came is remembered by the
// client (client.js), so whoever asks next has it at once.

import { getJson, isKept } from "./client.js";

const DELAY_MS = 120;
const AT_ONCE = 2;
const A_MINUTE = 30;

export class Prefetch {
  #timer = 0;
  #waiting = null;
  #running = new Map();
  #recent = [];

  // `address(key)`: where the details are; they are new enough for `freshMs`.
  constructor(address, { freshMs } = {}) {
    this.address = address;
    this.freshMs = freshMs;
  }

  // `keyOf(element)` names what lies under it, or null.
  watch(root, keyOf) {
    root.addEventListener("pointerover", (event) => this.#rest(keyOf(event.target)));
    root.addEventListener("pointerleave", () => this.#rest(null));
    root.addEventListener("focusin", (event) => this.#rest(keyOf(event.target)));
  }

  // The pointer, the focus or the active row rests here now.
  rest(key) {
    this.#rest(key);
  }

  // For who really wants it: what was fetched, what is on its way, or a new request.
  get(key) {
    return this.#onItsWay(key) ?? this.#start(key).promise;
  }

  #rest(key) {
    if (key === this.#waiting) return;
    clearTimeout(this.#timer);
    this.#waiting = key;
    for (const [other, run] of this.#running) {
      if (!run.guess || other === key) continue;
      this.#running.delete(other);
      run.abort.abort();
    }
    if (key === null || key === undefined) return;
    this.#timer = setTimeout(() => this.#guess(key), DELAY_MS);
  }

  #guess(key) {
    const now = Date.now();
    this.#recent = this.#recent.filter((at) => now - at < 60_000);
    if (this.#running.has(key) || isKept(this.address(key), this.freshMs)) return;
    if (this.#running.size >= AT_ONCE || this.#recent.length >= A_MINUTE) return;
    this.#recent.push(now);
    const run = this.#start(key);
    run.guess = true;
    // Nobody waits for it yet; whoever does hears of the failure.
    run.promise.catch(() => {});
  }

  #onItsWay(key) {
    const running = this.#running.get(key);
    if (running) running.guess = false;
    return running?.promise;
  }

  #start(key) {
    const run = { abort: new AbortController(), guess: false };
    run.promise = getJson(this.address(key), { freshMs: this.freshMs, signal: run.abort.signal })
      .finally(() => {
        if (this.#running.get(key) === run) this.#running.delete(key);
      });
    this.#running.set(key, run);
    return run;
  }
}
