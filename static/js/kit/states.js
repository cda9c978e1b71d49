// What a panel is: loading, ready, empty, failed or stale. Its words are in templates/kit/states.html.

import { fill, time } from "./format.js";
import { texts } from "./texts.js";

export class State {
  #retry = null;

  constructor(root) {
    this.root = root;
    this.#part("[data-retry]")?.addEventListener("click", () => this.#retry?.());
  }

  get name() { return this.root.dataset.panelState; }

  loading() { this.#show("loading"); }

  ready() {
    this.#show("ready");
    this.#note("");
  }

  // Why it is empty is in the template; `why` replaces it.
  empty(why = "") {
    const place = this.#part("[data-empty-why]");
    if (why && place) place.textContent = why;
    this.#show("empty");
    this.#note("");
  }

  error(message, { requestId = "", retry = null } = {}) {
    const place = this.#part("[data-error-message]");
    if (place) place.textContent = message;
    const id = this.#part("[data-error-id]");
    if (id) id.textContent = requestId ? fill(texts.requestId, { id: requestId }) : "";
    this.#retry = retry;
    this.#part("[data-retry]")?.toggleAttribute("hidden", !retry);
    this.#show("error");
  }

  // The last values stay, with their age.
  stale(atMs) {
    this.#show("stale");
    this.#note(fill(texts.asOf, { time: time(atMs) }));
  }

  #part(selector) { return this.root.querySelector(selector); }

  #show(name) { if (this.root.dataset.panelState !== name) this.root.dataset.panelState = name; }

  #note(text) {
    const place = this.#part("[data-stale-note]");
    if (place && place.textContent !== text) place.textContent = text;
  }
}
