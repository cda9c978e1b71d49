// The rows of a long list, page by page from the API. Only pages near the reader stay in memory;
// others keep their address and are fetched again when one comes back.

const KEPT = 24;

export class Pages {
  #pages = [];
  #loading = null;
  #again = new Map();
  length = 0;

  // `first`: the rows already in the page. `source`: the API's address of what follows, "" for
  // nothing. `load(url)` gives a promise of {items, next_cursor, partial, searched_to}.
  constructor({ first, source, load, most = 200_000 }) {
    this.load = load;
    this.most = most;
    this.source = source;
    this.next = source;
    this.partial = false;
    this.searchedTo = null;
    if (first.length) this.#add(null, first);
  }

  get ended() {
    return !this.next;
  }

  get full() {
    return this.length >= this.most;
  }

  // How many rows are held right now.
  get held() {
    return this.#pages.reduce((sum, page) => sum + (page.rows?.length ?? 0), 0);
  }

  // The row at a place; null while its page is away.
  row(index) {
    const page = this.#pages[this.#find(index)];
    return page?.rows?.[index - page.start] ?? null;
  }

  // The next page. Several calls at once ask once. Rejects when the API does.
  more() {
    if (this.ended || this.full) return Promise.resolve(0);
    this.#loading ??= this.#fetch().finally(() => { this.#loading = null; });
    return this.#loading;
  }

  get loading() {
    return this.#loading !== null;
  }

  // Fetches pages away that lie within these rows, and lets go of those far from them.
  // `arrived(from, to)` is called for each that came.
  near(from, to, arrived) {
    if (!this.#pages.length || from < 0) return;
    const first = this.#find(from);
    const last = this.#find(to);
    for (let i = first; i <= last; i++) if (!this.#pages[i].rows) this.#refetch(i, arrived);
    const middle = (first + last) / 2;
    const far = this.#pages
      .map((page, i) => [Math.abs(i - middle), page])
      .filter(([, page]) => page.rows && page.url)
      .sort((a, b) => a[0] - b[0]);
    for (const [, page] of far.slice(KEPT)) page.rows = null;
  }

  async #fetch() {
    const url = this.next;
    const page = await this.load(url);
    this.partial = Boolean(page.partial);
    this.searchedTo = page.searched_to ?? null;
    this.next = page.next_cursor ? `${this.source}&cursor=${encodeURIComponent(page.next_cursor)}` : "";
    if (page.items.length) this.#add(url, page.items);
    return page.items.length;
  }

  async #refetch(i, arrived) {
    if (this.#again.has(i)) return;
    const page = this.#pages[i];
    this.#again.set(i, true);
    try {
      const { items } = await this.load(page.url);
      // Rows whose partition was dropped meanwhile stay away; late ones would belong elsewhere.
      page.rows = Array.from({ length: page.count }, (_, n) => items[n] ?? { gone: true });
      arrived(page.start, page.start + page.count - 1);
    } catch {
      // The rows stay blank; the next look at them asks again.
    } finally {
      this.#again.delete(i);
    }
  }

  #add(url, rows) {
    this.#pages.push({ start: this.length, count: rows.length, url, rows });
    this.length += rows.length;
  }

  #find(index) {
    let [low, high] = [0, this.#pages.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#pages[middle].start <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
