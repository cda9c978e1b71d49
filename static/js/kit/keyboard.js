// Keys of every page. Typing, other modifiers and open dialogs are left alone.

import { toggleKiosk } from "./kiosk.js";
import { range } from "./range.js";
import { announce } from "./say.js";
import { texts } from "./texts.js";

const typing = (target) => target instanceof Element && target.closest("input, textarea, select, [contenteditable], dialog[open], [role=dialog]");
const sheet = document.querySelector("[data-help-sheet]");

const KEYS = {
  "?": () => sheet?.showModal(),
  "/": search,
  r: refresh,
  "[": () => range.present && range.shift(-1),
  "]": () => range.present && range.shift(1),
  k: toggleKiosk,
};

// Panels that load by themselves take the event (`preventDefault`); a page without any loads anew.
function refresh() {
  if (dispatchEvent(new CustomEvent("ph:refresh", { cancelable: true }))) location.reload();
  else announce(texts.refreshed);
}

// The page's own search field where it has one, else the palette over all pages.
function search() {
  const field = document.querySelector(".ph input[type=search]");
  if (field) field.focus();
  else dispatchEvent(new CustomEvent("opencommand"));
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
  if (event.key === "Escape") closeMenus();
  if (typing(event.target) || sheet?.open) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

document.querySelector("[data-help]")?.addEventListener("click", () => sheet.showModal());

// Menus are <details>: they close by Esc and by a click elsewhere, and give the focus back.
function closeMenus(except = null) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (menu === except) continue;
    const inside = menu.contains(document.activeElement);
    menu.open = false;
    if (inside) menu.querySelector("summary").focus();
  }
}

addEventListener("click", (event) => closeMenus(event.target.closest?.("details[data-menu]")));
