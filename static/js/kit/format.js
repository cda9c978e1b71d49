// Numbers, times and ages in the reader's language and time zone.

import { prefs } from "./prefs.js";

export { prefs };

const locale = document.documentElement.lang || undefined;
const UTC = prefs.zone === "utc";
const zone = UTC ? { timeZone: "UTC" } : {};
const times = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const clock = new Intl.DateTimeFormat(locale, { ...times, ...zone });
const day = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...zone });
const full = new Intl.DateTimeFormat(locale, { year: "numeric", month: "short", day: "numeric", ...times, ...zone });

// "Asia/Seoul", or "UTC" where the reader chose it.
export const zoneName = UTC ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

export function number(value) {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.995 || size === 0 ? 2 : 3;
  return new Intl.NumberFormat(locale, { maximumFractionDigits: size === 0 ? 0 : digits }).format(value);
}

const BYTES = ["B", "kB", "MB", "GB", "TB", "PB"];

// A figure with its unit, in the size people read: 1,234,000 "By" is "1.23 MB", 1,500 "ms" "1.5 s".
export function withUnit(value, unit) {
  const size = Math.abs(value);
  if (unit === "By" || unit === "By/s") {
    const power = size < 1 ? 0 : Math.min(BYTES.length - 1, Math.floor(Math.log10(size) / 3));
    return `${number(value / 1000 ** power)} ${BYTES[power]}${unit.slice(2)}`;
  }
  if (unit === "ms" && size >= 1000) return `${number(value / 1000)} s`;
  if (unit === "s" && size > 0 && size < 1) return `${number(value * 1000)} ms`;
  if (unit === "s" && size >= 100) return age(value);
  return `${number(value)} ${unit}`.trim();
}

export const time = (ms) => clock.format(ms);

export const moment = (ms) => (Math.abs(Date.now() - ms) < 86_400_000 / 2 ? clock.format(ms) : day.format(ms));

export const fullMoment = (ms) => full.format(ms);

export function age(seconds) {
  const [amount, unit] =
    seconds < 100 ? [Math.round(seconds), "second"]
    : seconds < 6000 ? [Math.round(seconds / 60), "minute"]
    : seconds < 172_800 ? [Math.round(seconds / 3600), "hour"]
    : [Math.round(seconds / 86_400), "day"];
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" }).format(amount);
}

// Fills {placeholders} of a translated sentence.
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

const plurals = new Intl.PluralRules(locale);

// The sentence for so many: `<key>One` where the reader's language says one thing differently.
export const plural = (texts, key, n, values = {}) =>
  fill((plurals.select(n) === "one" && texts[`${key}One`]) || texts[key], { n: number(n), ...values });

// Plotly draws times as if they were UTC; shifted, it shows the reader's zone.
export function local(ms) {
  const offset = UTC ? 0 : new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - offset).toISOString().slice(0, 23);
}

// The way back: what Plotly calls a time, in milliseconds since 1970.
export function fromLocal(text) {
  const plain = String(text).replace(" ", "T");
  return Date.parse(UTC ? `${plain}Z` : plain.length <= 10 ? `${plain}T00:00` : plain);
}

// An absolute end of a range as the reader would type it; anything else stays.
export function zoned(text) {
  if (!/^(\d{9,16}$|\d{4}-\d\d-\d\d.*[Zz]$)/.test(text)) return text;
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isNaN(ms) ? text : local(ms).slice(0, 19).replace("T", " ");
}

// <time datetime data-moment>: UTC text becomes the reader's zone, UTC stays in the title.
export function localise(root = document) {
  for (const element of root.querySelectorAll("time[data-moment]")) {
    const ms = Date.parse(element.dateTime);
    if (Number.isNaN(ms)) continue;
    const text = element.dataset.moment === "full" ? fullMoment(ms) : element.dataset.moment === "time" ? time(ms) : moment(ms);
    if (element.textContent !== text) element.textContent = text;
    element.title = `${new Date(ms).toISOString().replace("T", " ").slice(0, 19)} UTC`;
  }
}
