// What the matchers in the form would mute, told while they are typed.

import { sendJson } from "./kit/client.js";
import { el, visible } from "./kit/dom.js";
import { fill } from "./kit/format.js";
import { textsOf } from "./kit/texts.js";

const WAIT_MS = 400;
const root = document.getElementById("silence-preview");
const field = document.getElementById(root.dataset.field);
const texts = textsOf(root);
const token = root.querySelector("[name=csrfmiddlewaretoken]").value;
const said = root.querySelector("[data-said]");
const shown = root.querySelector("[data-shown]");
let timer = null;
let asked = 0;

const labels = (scope) => Object.entries(scope).map(([name, value]) => `${name}=${value}`).join(", ");

async function ask() {
  const matchers = field.value.split("\n").map((line) => line.trim()).filter(Boolean);
  const mine = (asked += 1);
  if (matchers.length === 0) return tell(texts.none, []);
  try {
    const seen = await sendJson("POST", root.dataset.url, { matchers }, token);
    if (mine === asked) tell(fill(texts.muted, seen) + (seen.whole ? "" : ` ${texts.more}`), seen.shown);
  } catch (error) {
    if (mine === asked) tell(error.message, []);
  }
}

function tell(sentence, episodes) {
  said.textContent = visible(sentence);
  shown.replaceChildren(...episodes.map((one) => el("li", {}, `${texts.open} ${visible(one.type)} ${visible(labels(one.scope))}`)));
}

field?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(ask, WAIT_MS);
});
if (field) ask();
else root.hidden = true;
