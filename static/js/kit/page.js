// The first module of every page: what all of them can do.

import "./display.js";
import { localise } from "./format.js";
import "./keyboard.js";
import "./kiosk.js";
import "./range.js";
import "./views.js";

localise();

// A select that is a filter: its choice goes into the address, everything else there stays.
for (const select of document.querySelectorAll("select[data-filter]")) {
  select.addEventListener("change", () => {
    const query = new URLSearchParams(location.search);
    query.set(select.name, select.value);
    location.assign(`${location.pathname}?${query}`);
  });
}

// Only pages with charts of their own pay for drawing them.
if (document.querySelector("[data-board]")) import("./board.js");
