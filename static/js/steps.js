// The steps of a policy: each shows only what its kind asks for. Without script all fields are shown.
"use strict";

const ASKED = {
  wait: ["wait_s"],
  user: ["person", "wait_s"],
  team: ["team", "wait_s"],
  schedule: ["schedule", "wait_s"],
  channel: ["channel", "wait_s"],
  webhook: ["channel", "wait_s"],
  time_range: ["weekdays", "from_time", "until_time", "zone"],
  many_alerts: ["more_than", "within_s"],
  repeat: ["repeats"],
};
const EVERY = new Set(Object.values(ASKED).flat());

document.addEventListener("DOMContentLoaded", () => {
  const show = (kind) => {
    const step = kind.closest(".form-group");
    const wrong = (row) => row.querySelector(".errorlist, .errors") !== null;
    for (const name of EVERY) {
      const row = step.querySelector(`.field-${name}`);
      if (row) row.hidden = kind.value !== "" && !(ASKED[kind.value] ?? []).includes(name) && !wrong(row);
    }
  };
  const isKind = (element) => element.matches?.("select[name^='steps-'][name$='-kind']");
  document.addEventListener("change", ({ target }) => isKind(target) && show(target));
  // A step added later comes with the fields of its empty form.
  document.addEventListener("formset:added", ({ target }) => {
    const kind = target.querySelector("select[name$='-kind']");
    if (kind) show(kind);
  });
  for (const kind of document.querySelectorAll("select")) if (isKind(kind)) show(kind);
});
