// Words for a text field with a <datalist>, fetched while one types.

import { el } from "./dom.js";

const PAUSE_MS = 150;

// `find(text)` gives a promise of texts. What fails suggests nothing: the field itself still works.
export function suggest(field, find) {
  const list = document.getElementById(field.getAttribute("list"));
  let timer = null;
  let asked = null;
  const look = async () => {
    const text = field.value;
    if (text === asked) return;
    asked = text;
    try {
      const found = await find(text);
      if (text === asked) list.replaceChildren(...found.map((value) => el("option", { value })));
    } catch {
      asked = null;
    }
  };
  field.addEventListener("focus", look);
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE_MS);
  });
}
