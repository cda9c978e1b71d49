// What one reader prefers, kept in this browser. Never a token, never data of the portal.

const KEY = "ph.prefs";
const CHOICES = { zone: ["local", "utc"], density: ["normal", "dense"] };

function read() {
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    // Storage may be forbidden or hold what an older version wrote: defaults then.
  }
  return Object.fromEntries(Object.entries(CHOICES).map(([name, values]) => [name, values.includes(kept[name]) ? kept[name] : values[0]]));
}

export const prefs = read();

export function prefer(name, value) {
  prefs[name] = value;
  try {
    localStorage.setItem(KEY, JSON.stringify(prefs));
  } catch {
    // It then holds for this page alone.
  }
}
