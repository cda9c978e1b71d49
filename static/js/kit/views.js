// Saved views of the page. The address is the view; this menu only remembers it under a name.

import { getJson, sendJson } from "./client.js";
import { fill } from "./format.js";
import { announce } from "./say.js";
import { textsOf } from "./texts.js";

const menu = document.querySelector("[data-views]");

// What decides what is seen; how it is seen on one screen does not belong to a view.
function query() {
  const here = new URLSearchParams(location.search);
  for (const name of ["kiosk", "plain"]) here.delete(name);
  return here.toString();
}

class Views {
  constructor(root) {
    this.root = root;
    this.texts = textsOf(root);
    this.list = root.querySelector("[data-list]");
    this.form = root.querySelector("[data-save]");
    this.mistake = root.querySelector(".ph-mistake");
    root.addEventListener("toggle", () => { if (root.open) this.refresh(); });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    root.querySelector("[data-copy]").addEventListener("click", () => this.copy());
  }

  get token() { return this.form.elements.csrfmiddlewaretoken.value; }

  async refresh() {
    const { url, path } = this.root.dataset;
    await this.#try(async () => {
      const { items } = await getJson(`${url}?${new URLSearchParams({ path, page_size: 100 })}`, { slot: "views", freshMs: 0 });
      this.list.replaceChildren(...(items.length ? items.map((view) => this.#item(view)) : [this.#nothing()]));
    });
  }

  save() {
    const { name, shared } = this.form.elements;
    return this.#try(async () => {
      const wish = { path: this.root.dataset.path, name: name.value, query: query(), shared: shared.checked };
      await sendJson("POST", this.root.dataset.url, wish, this.token);
      announce(fill(this.texts.saved, { name: name.value }));
      this.form.reset();
      await this.refresh();
    });
  }

  async copy() {
    const text = `${location.origin}${location.pathname}?${query()}`;
    await this.#try(async () => {
      await navigator.clipboard.writeText(text);
      announce(this.texts.copied);
    });
  }

  #change(view, changes) {
    return this.#try(async () => {
      await sendJson("PATCH", `${this.root.dataset.url}/${view.id}`, changes, this.token);
      await this.refresh();
    });
  }

  #delete(view) {
    return this.#try(async () => {
      await sendJson("DELETE", `${this.root.dataset.url}/${view.id}`, null, this.token);
      announce(fill(this.texts.deleted, { name: view.name }));
      await this.refresh();
      this.form.elements.name.focus();
    });
  }

  async #try(act) {
    this.mistake.textContent = "";
    try {
      await act();
    } catch (error) {
      if (error.name !== "AbortError") this.mistake.textContent = error.message;
    }
  }

  #item(view) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = `${this.root.dataset.path}?${view.query || "plain"}`;
    link.textContent = view.name;
    if (view.query === query()) link.setAttribute("aria-current", "true");
    item.append(link);
    if (view.owner !== this.root.dataset.person) {
      const by = document.createElement("small");
      by.textContent = fill(this.texts.by, { owner: view.owner });
      item.append(by);
      return item;
    }
    item.append(
      this.#button("group", view.shared ? this.texts.unshare : this.texts.share, view, () => this.#change(view, { shared: !view.shared }), view.shared),
      this.#button("keep", view.pinned ? this.texts.noDefault : this.texts.default, view, () => this.#change(view, { pinned: !view.pinned }), view.pinned),
      this.#button("delete", this.texts.delete, view, () => this.#delete(view)),
    );
    return item;
  }

  #button(icon, words, view, act, pressed) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "ph-tool";
    button.title = words;
    button.setAttribute("aria-label", `${words}: ${view.name}`);
    if (pressed !== undefined) button.dataset.on = pressed;
    const picture = document.createElement("span");
    picture.className = "material-symbols-outlined";
    picture.setAttribute("aria-hidden", "true");
    picture.textContent = icon;
    button.append(picture);
    button.addEventListener("click", act);
    return button;
  }

  #nothing() {
    const item = document.createElement("li");
    item.className = "ph-lead";
    item.textContent = this.texts.none;
    return item;
  }
}

if (menu) new Views(menu);
