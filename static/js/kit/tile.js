// One figure: its value, its unit, and how it moved. Direction is a word and a sign, not a colour.

import { fill, number, withUnit } from "./format.js";
import { texts } from "./texts.js";

// Below this share a change is noise.
const SAME = 0.02;

// `note` says what the figure is of; `before` is the earlier figure, `beforeText` when that was.
export function showTile(tile, { value, note, before = null, beforeText = "" }) {
  const known = value !== null && value !== undefined;
  const [figure, unit] = known ? parts(value, tile.dataset.unit) : [texts.noData, ""];
  put(tile.querySelector("[data-value]"), figure);
  put(tile.querySelector("[data-value-unit]"), unit);
  put(tile.querySelector("[data-note]"), note);
  tile.classList.toggle("ph-unknown", !known);
  const place = tile.querySelector("[data-delta]");
  const moved = known && before !== null ? delta(value, before, tile.dataset.better) : null;
  place.dataset.mood = moved?.mood ?? "";
  put(place, moved ? `${moved.sign} ${fill(texts[moved.word], { share: moved.share, before: beforeText })}` : "");
}

function parts(value, unit) {
  const text = withUnit(value, unit);
  const cut = text.indexOf(" ");
  return cut < 0 ? [text, ""] : [text.slice(0, cut), text.slice(cut + 1)];
}

function delta(value, before, better) {
  if (before === 0 && value === 0) return { word: "same", sign: "=", mood: "" };
  // From nothing to something has no percentage.
  if (before === 0) return null;
  const share = (value - before) / Math.abs(before);
  if (Math.abs(share) < SAME) return { word: "same", sign: "=", mood: "" };
  const risen = share > 0;
  const mood = !better ? "" : risen === (better === "more") ? "good" : "bad";
  return { word: risen ? "up" : "down", sign: risen ? "▲" : "▼", share: number(100 * Math.abs(share)), mood };
}

function put(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
