// One incident: what is read is fetched again when something was added; forms stay as they are.

import { localise } from "./kit/format.js";
import { Live } from "./kit/live.js";

const places = [...document.querySelectorAll("[data-fresh]")];
const number = document.querySelector("[data-incident]").dataset.incident;
let seen = null;
let running = false;
let again = false;

async function refresh() {
  if (running) {
    again = true;
    return;
  }
  running = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelectorAll("[data-fresh]");
    places.forEach((place, index) => {
      // A reader inside keeps it as it is.
      if (!fresh[index] || place.contains(document.activeElement)) return;
      place.replaceChildren(...document.adoptNode(fresh[index]).childNodes);
      localise(place);
    });
    for (const field of document.querySelectorAll("input[name=version]")) {
      const now = page.querySelector("input[name=version]");
      // Somebody who is writing must be told of a change by the conflict, not overrule it.
      if (now && !field.form.contains(document.activeElement) && !field.form.text?.value) field.value = now.value;
    }
  } catch {
    // The next change tries again; what is shown stays.
  } finally {
    running = false;
    if (again) {
      again = false;
      refresh();
    }
  }
}

new Live([`incident:${number}`], {
  message: (message) => {
    if (message.state !== "ok") return;
    const state = JSON.stringify(message.data);
    if (seen !== null && seen !== state) refresh();
    seen = state;
    places[0].dataset.live = "on";
  },
  state: () => {},
});
