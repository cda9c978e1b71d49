// One socket to ws/live: subscribes, reconnects with back-off, and rests while the tab is hidden.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const SIGNED_OUT = new Set([4401, 4403]);

export class Live {
  #socket = null;
  #wait = FIRST_WAIT_MS;
  #timer = null;
  #closed = false;
  #decoder = new TextDecoder();

  // `on` has message(object), state("connecting"|"open"|"waiting"|"paused"|"signed-out", waitMs).
  constructor(topics, on) {
    this.topics = topics;
    this.on = on;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#stop("paused");
      else this.#connect();
    });
    addEventListener("pagehide", () => this.#stop("paused"));
    addEventListener("pageshow", (event) => { if (event.persisted) this.#connect(); });
    if (!document.hidden) this.#connect();
    else this.on.state("paused", 0);
  }

  // For good: the page watches something else now.
  close() {
    this.#closed = true;
    this.#stop("paused");
  }

  #connect() {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    if (this.#socket) return;
    this.on.state("connecting", 0);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/live`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify({ action: "subscribe", topics: this.topics }));
    socket.onmessage = (event) => {
      this.#wait = FIRST_WAIT_MS;
      this.on.state("open", 0);
      this.on.message(JSON.parse(this.#decoder.decode(event.data)));
    };
    socket.onclose = (event) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      if (SIGNED_OUT.has(event.code)) this.on.state("signed-out", 0);
      else this.#retry();
    };
    this.#socket = socket;
  }

  #retry() {
    // Jitter: after a restart not every viewer should come back in the same instant.
    const wait = this.#wait * (0.7 + 0.6 * Math.random());
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
    this.on.state("waiting", wait);
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  #stop(state) {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.on.state(state, 0);
  }
}
