// The reader's preferences and the menu that sets them.

import { zoneName } from "./format.js";
import { prefer, prefs } from "./prefs.js";

const root = document.documentElement;
const menu = document.querySelector("[data-display]");

root.dataset.density = prefs.density;
for (const place of document.querySelectorAll("[data-zone]")) place.textContent = zoneName;

const alpine = () => window.Alpine?.$data(root);

function bind(name, current, change) {
  for (const input of menu.querySelectorAll(`[name="ph-${name}"]`)) {
    input.checked = input.value === current();
    input.addEventListener("change", () => change(input.value));
  }
}

if (menu) {
  menu.addEventListener("toggle", () => {
    for (const input of menu.querySelectorAll('[name="ph-theme"]')) input.checked = input.value === (alpine()?.adminTheme ?? "auto");
  });
  bind("density", () => prefs.density, (value) => {
    prefer("density", value);
    root.dataset.density = value;
    dispatchEvent(new Event("resize"));
  });
  // Every time on the page is written in the zone: load it anew.
  bind("zone", () => prefs.zone, (value) => {
    prefer("zone", value);
    location.reload();
  });
  bind("theme", () => alpine()?.adminTheme ?? "auto", (value) => alpine()?.switchTheme(value));
}
