// The form of a channel: only the fields of the chosen kind are shown. Without script all are.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const kind = document.getElementById("id_kind");
  if (!kind) return;
  const groups = [...document.querySelectorAll("[class*='kind-']")].filter((one) =>
    [...one.classList].some((name) => name.startsWith("kind-")),
  );
  const show = () => {
    for (const group of groups) group.hidden = !group.classList.contains(`kind-${kind.value}`);
  };
  kind.addEventListener("change", show);
  show();
});
