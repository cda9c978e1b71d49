// The ranked list, fetched again as often as the reader asked for.

import { localise } from "./kit/format.js";

const place = document.querySelector("[data-fresh]");
let running = false;

addEventListener("ph:refresh", async () => {
  // A reader inside the list keeps it as it is.
  if (running || place.contains(document.activeElement)) return;
  running = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-fresh]");
    if (fresh) place.replaceChildren(...document.adoptNode(fresh).childNodes);
    localise(place);
  } catch {
    // The next turn tries again; what is shown stays.
  } finally {
    running = false;
  }
});
