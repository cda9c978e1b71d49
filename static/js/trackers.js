// Fills every tracker strip of a page (templates/kit/tracker.html).

import { loadTracker } from "./kit/tracker.js";

for (const place of document.querySelectorAll("[data-tracker]")) loadTracker(place);
