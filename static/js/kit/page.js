// The first module of every page: what all of them can do.

import { localise, zoneName } from "./format.js";
import { prefs } from "./prefs.js";

document.documentElement.dataset.density = prefs.density;
for (const place of document.querySelectorAll("[data-zone]")) place.textContent = zoneName;
localise();
