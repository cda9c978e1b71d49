// One socket to ws/live: subscribes, reconnects with back-off, and rests while the tab is hidden.

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const HIDDEN_GRACE_MS = 3000;
const STEADY_MS = 10_000;
const SIGNED_OUT = new Set([4401, 4403]);
// The server found fault with what this page sends: the same again at once would not help.
const OUR_FAULT = new Set([4400, 4429]);

// The one name of a topic with a filter, spelled as the server spells it: topic("logs", {level: "error"}).
export function topic(name, filter = {}) {
  const fields = Object.entries(filter).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  // As the server sorts.
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  const query = new URLSearchParams(fields.map(([key, value]) => [key, String(value)])).toString();
  return query ? `${name}?${query}` : name;
}

// A name however it is spelled, as the server will spell it.
function spelled(name) {
  const [base, query] = name.split(/\?(.*)/s);
  return query === undefined ? name : topic(base, Object.fromEntries(new URLSearchParams(query)));
}

export class Live {
  #topics;
  #on;
  #socket = null;
  #wait = FIRST_WAIT_MS;
  #timer = null;
  #grace = null;
  #watch = null;
  #openedAt = 0;
  #heardAt = 0;
  #told = new Map();
  #ended = false;
  #decoder = new TextDecoder();
  #leave = new AbortController();

  // `on` has message(object) and state("connecting"|"open"|"waiting"|"paused"|"signed-out", waitMs).
  // Topics are names, with their filters: they outlive every reconnect.
  constructor(topics, on) {
    this.#topics = new Set(topics.map(spelled));
    this.#on = on;
    const heed = (target, event, act) => target.addEventListener(event, act, { signal: this.#leave.signal });
    heed(document, "visibilitychange", () => (document.hidden ? this.#rest() : this.#resume()));
    heed(window, "pagehide", () => this.#stop("paused"));
    heed(window, "pageshow", (event) => { if (event.persisted) this.#resume(); });
    heed(window, "online", () => { if (this.#timer) this.#retry(FIRST_WAIT_MS); });
    if (document.hidden) this.#on.state("paused", 0);
    else this.#connect();
  }

  get topics() {
    return [...this.#topics];
  }

  subscribe(...names) {
    const fresh = names.map(spelled).filter((name) => !this.#topics.has(name));
    fresh.forEach((name) => this.#topics.add(name));
    this.#send("subscribe", fresh);
  }

  unsubscribe(...names) {
    const known = names.map(spelled).filter((name) => this.#topics.delete(name));
    known.forEach((name) => this.#told.delete(name));
    this.#send("unsubscribe", known);
  }

  // Ends for good, for pages that go on without it.
  close() {
    this.#ended = true;
    this.#leave.abort();
    this.#stop("paused");
  }

  #send(action, topics) {
    if (topics.length && this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ action, topics }));
    }
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#socket || this.#ended) return;
    this.#on.state("connecting", 0);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/live`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#openedAt = this.#heardAt = performance.now();
      // A server that starts afresh has sent us nothing yet.
      this.#told.clear();
      this.#send("subscribe", this.topics);
      this.#watch = setInterval(() => this.#listen(), 5000);
    };
    socket.onmessage = (event) => { if (this.#socket === socket) this.#take(event.data); };
    socket.onclose = (event) => {
      if (this.#socket !== socket) return;
      this.#drop();
      if (SIGNED_OUT.has(event.code)) {
        // Not asked again until somebody looks: they may have signed in in another tab.
        this.#on.state("signed-out", 0);
        return;
      }
      if (OUR_FAULT.has(event.code)) this.#wait = LONGEST_WAIT_MS;
      // A server that takes us in and drops us at once is not well yet.
      else if (this.#openedAt && performance.now() - this.#openedAt > STEADY_MS) this.#wait = FIRST_WAIT_MS;
      this.#retry(this.#wait);
      this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
    };
    this.#openedAt = 0;
    this.#socket = socket;
  }

  #take(data) {
    this.#heardAt = performance.now();
    const told = JSON.parse(this.#decoder.decode(data));
    let message = told;
    if (told.state === "same") {
      const last = this.#told.get(told.topic);
      if (!last) return;
      message = { ...last, at: told.at };
    } else if (told.state === "ok") this.#told.set(told.topic, told);
    if (!this.#topics.has(told.topic)) return;
    this.#on.state("open", 0);
    this.#on.message(message);
  }

  // A connection may be dead without either end being told: a laptop that slept, a lost route.
  #listen() {
    const slowest = Math.max(0, ...[...this.#told.values()].map((message) => message.interval_s ?? 0));
    const quietMs = performance.now() - this.#heardAt;
    if (this.#told.size && quietMs > 1000 * Math.max(20, 5 * slowest)) {
      const socket = this.#socket;
      this.#drop();
      socket?.close();
      this.#retry(FIRST_WAIT_MS);
    }
  }

  #retry(aboutMs) {
    clearTimeout(this.#timer);
    // Spread wide: after a restart a thousand viewers should not come back in one instant.
    const wait = aboutMs * (0.3 + 1.7 * Math.random());
    this.#on.state("waiting", wait);
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  // A glance at another tab costs no new socket.
  #rest() {
    clearTimeout(this.#grace);
    this.#grace = setTimeout(() => this.#stop("paused"), HIDDEN_GRACE_MS);
  }

  #resume() {
    clearTimeout(this.#grace);
    if (!document.hidden && !this.#socket && !this.#ended) this.#connect();
  }

  #drop() {
    clearInterval(this.#watch);
    this.#socket = null;
  }

  #stop(state) {
    clearTimeout(this.#grace);
    clearTimeout(this.#timer);
    this.#timer = null;
    const socket = this.#socket;
    this.#drop();
    socket?.close();
    if (!this.#ended) this.#on.state(state, 0);
  }
}
