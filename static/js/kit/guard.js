// A classic script, loaded first: after a deploy a module of the old page may be gone. Then the
// page offers a reload instead of standing there half alive.
(() => {
  let told = false;
  function offer() {
    const place = document.getElementById("kit-texts");
    if (told || !place) return;
    told = true;
    const line = document.createElement("p");
    line.className = "ph-banner ph-stuck";
    line.dataset.kind = "error";
    line.setAttribute("role", "alert");
    line.append(`${place.dataset.tChunkLost} `);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "ph-button";
    button.textContent = place.dataset.tReload;
    button.addEventListener("click", () => location.reload());
    line.append(button);
    (document.querySelector(".ph") ?? document.body).prepend(line);
  }
  const later = () => (document.readyState === "loading" ? addEventListener("DOMContentLoaded", offer) : offer());
  addEventListener("error", (event) => { if (event.target instanceof HTMLScriptElement) later(); }, true);
  addEventListener("unhandledrejection", (event) => {
    if (/dynamically imported module|module script failed/i.test(String(event.reason?.message))) later();
  });
})();
