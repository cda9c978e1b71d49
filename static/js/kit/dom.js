// Elements made of text. Nothing here takes HTML, so nothing from outside can become any.

const SVG = "http://www.w3.org/2000/svg";

// el("td", { class: "x", "aria-label": "…", dataset: {…} }, "text" or elements…)
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "dataset") Object.assign(element.dataset, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Controls, invisible letters and those that turn the direction of writing are spelled out.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

export const visible = (text) =>
  String(text).replace(UNSEEN, (letter) => `⟨U+${letter.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

// A duration in its natural unit with three significant digits.
export function duration(us) {
  if (us < 1000) return `${Math.round(us)} µs`;
  const [value, unit] = us < 999_500 ? [us / 1e3, "ms"] : [us / 1e6, "s"];
  return value >= 100 ? `${value.toFixed(0)} ${unit}` : `${Number(value.toPrecision(3))} ${unit}`;
}

// What the page brought along as <script type="application/json" id="…">.
export function data(id) {
  const place = document.getElementById(id);
  return place ? JSON.parse(place.textContent) : null;
}

export const icon = (name) => el("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);
