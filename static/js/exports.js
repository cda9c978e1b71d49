// The exports of log lines: how far each is, its file, and a way to be rid of it.

import { getJson, sendJson } from "./kit/client.js";
import { el, visible } from "./kit/dom.js";
import { fill } from "./kit/format.js";
import { stamp } from "./kit/evidence.js";
import { textsOf } from "./kit/texts.js";

const EVERY_MS = 2000;
const root = document.getElementById("exports");
const texts = textsOf(root);
const token = root.querySelector("[name=csrfmiddlewaretoken]").value;
const said = root.querySelector("[data-said]");
let timer = null;

function row(one) {
  const open = one.state === "queued" || one.state === "running";
  const asked = Object.entries(one.query).map(([name, value]) => `${name}=${Array.isArray(value) ? value.map((pair) => pair.join(":")).join(" ") : value}`).join("  ");
  const file = one.state === "done" ? el("a", { href: `${root.dataset.list}/${one.id}/file`, download: true }, fill(texts.fetch, { form: one.form.toUpperCase() })) : "";
  const rid = open || one.state === "done" ? el("button", { type: "button", class: "ph-link", onclick: () => remove(one) }, open ? texts.cancel : texts.delete) : "";
  const state = [texts[one.state] ?? one.state, one.truncated ? texts.truncated : "", one.error].filter(Boolean).join(": ");
  return el("tr", {}, el("td", {}, stamp(one.created_at)), el("td", {}, visible(one.owner)), el("td", { class: "ph-mono" }, visible(asked) || "–"),
    el("td", {}, visible(state)), el("td", { class: "ph-number" }, one.rows.toLocaleString()), el("td", { class: "ph-number" }, one.file_bytes < 1e6 ? `${(one.file_bytes / 1e3).toFixed(1)} kB` : `${(one.file_bytes / 1e6).toFixed(1)} MB`),
    el("td", {}, file, " ", rid));
}

async function remove(one) {
  try {
    await sendJson("DELETE", `${root.dataset.list}/${one.id}`, null, token);
  } catch (error) {
    said.textContent = visible(error.message);
  }
  await load();
}

async function load() {
  clearTimeout(timer);
  try {
    const { items } = await getJson(`${root.dataset.list}?page_size=50`, { slot: "exports", freshMs: 0 });
    root.querySelector("tbody").replaceChildren(...items.map(row));
    root.querySelector("[data-none]").hidden = items.length > 0;
    said.textContent = "";
    if (items.some((one) => one.state === "queued" || one.state === "running")) timer = setTimeout(load, EVERY_MS);
  } catch (error) {
    if (error.name !== "AbortError") said.textContent = visible(error.message);
  }
}

load();
