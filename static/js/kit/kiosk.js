// Kiosk: the page alone, larger, for a screen on the wall. Its state is the address (`kiosk=1`).

const root = document.documentElement;
const on = () => new URLSearchParams(location.search).get("kiosk") === "1";
let lock = null;

async function stayAwake() {
  if (!root.hasAttribute("data-kiosk") || document.hidden || !navigator.wakeLock) return;
  try {
    lock = await navigator.wakeLock.request("screen");
  } catch {
    // The browser may refuse, on a low battery for one: the screen then sleeps as it would.
  }
}

function show() {
  root.toggleAttribute("data-kiosk", on());
  if (on()) stayAwake();
  else lock?.release();
  // Charts measure themselves anew.
  dispatchEvent(new Event("resize"));
}

export function toggleKiosk() {
  const query = new URLSearchParams(location.search);
  if (on()) query.delete("kiosk");
  else query.set("kiosk", "1");
  const text = query.toString();
  history.pushState(null, "", location.pathname + (text && `?${text}`));
  show();
}

// A screen that slept, or lost its network, shows what is now and not what was.
function wake() {
  if (document.hidden || !on()) return;
  stayAwake();
  dispatchEvent(new CustomEvent("ph:refresh"));
}

addEventListener("popstate", show);
addEventListener("online", wake);
document.addEventListener("visibilitychange", wake);
for (const button of document.querySelectorAll("[data-kiosk-toggle], [data-kiosk-leave]")) button.addEventListener("click", toggleKiosk);
show();
