// Two things the admin's skin leaves undone on its pages.
// The search boxes that its pickers (select2) make have no name: here they get that of their field.

{
  const nameOf = (id) => document.querySelector(`label[for="${CSS.escape(id)}"]`)?.textContent.replace("*", "").trim();

  function name(box) {
    // Within a picker of many, or in the list that a picker of one has opened.
    const of = box.closest(".select2-container")?.previousElementSibling?.id
      || box.getAttribute("aria-controls")?.match(/^select2-(.*)-results$/)?.[1] || "";
    const words = nameOf(of) || document.querySelector(`[id="${CSS.escape(of)}"]`)?.closest("td, .form-row")?.textContent.trim().slice(0, 60);
    if (words) box.setAttribute("aria-label", words);
    // It describes the box by a list that may be empty.
    box.removeAttribute("aria-describedby");
  }

  function look() {
    for (const box of document.querySelectorAll(".select2-search__field:not([aria-label])")) name(box);
  }

  document.addEventListener("DOMContentLoaded", () => {
    if (!document.querySelector("select.admin-autocomplete, select[data-ajax--url]")) return;
    look();
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  });
}

// The skin measures its tabs before the page has its width, hides those it takes for too many, and lets one back a resize.
addEventListener("load", () => {
  for (const _ of document.querySelectorAll("#tabs-dropdown > *")) dispatchEvent(new Event("resize"));
});
