// Numbers, times and ages in the reader's language and time zone.

const locale = document.documentElement.lang || undefined;
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export function number(value) {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.995 || size === 0 ? 2 : 3;
  return new Intl.NumberFormat(locale, { maximumFractionDigits: size === 0 ? 0 : digits }).format(value);
}

export const time = (ms) => clock.format(ms);

export const moment = (ms) => (Date.now() - ms < 86_400_000 / 2 ? clock.format(ms) : day.format(ms));

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

// Plotly draws times as if they were UTC; shifted, it shows the reader's zone.
export function local(ms) {
  const offset = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - offset).toISOString().slice(0, 19);
}
