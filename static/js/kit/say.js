// One polite live region: what a screen reader should hear of what happens without a page load.

let region = null;

export function announce(text) {
  if (!region) {
    region = document.createElement("p");
    region.className = "ph-hidden";
    region.setAttribute("role", "status");
    document.body.append(region);
  }
  if (region.textContent !== text) region.textContent = text;
}
