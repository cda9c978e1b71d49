// Points of a line, and what can be said of them.

// A gap shorter than this is the sender's interval, not an outage: the line goes on.
const BRIDGE_MS = 75_000;

export const least = (values) => values.reduce((a, b) => Math.min(a, b));
export const most = (values) => values.reduce((a, b) => Math.max(a, b));

// Points to draw: unknown ones are left out where the gap is short, and break the line where it is long.
export function bridged({ x, y }) {
  const points = [];
  let last = null;
  const step = usualStep(x);
  for (let i = 0; i < x.length; i++) {
    if (y[i] === null) continue;
    if (last !== null && x[i] - last > Math.max(BRIDGE_MS, 1.5 * step)) points.push([last + 1, null]);
    points.push([x[i], y[i]]);
    last = x[i];
  }
  return points;
}

// Thinned lines have uneven distances; the widest of the first ones is a step or more.
function usualStep(x) {
  let step = 0;
  for (let i = 1; i < Math.min(x.length, 20); i++) step = Math.max(step, x[i] - x[i - 1]);
  return step;
}

// The newest end of a line replaced by newer points; null when nothing differs.
export function joined(line, x, y) {
  const keep = line.x.findIndex((at) => at >= x[0]);
  const cut = keep < 0 ? line.x.length : keep;
  if (String(line.y.slice(cut)) === String(y) && line.x.at(-1) === x.at(-1)) return null;
  return { x: line.x.slice(0, cut).concat(x), y: line.y.slice(0, cut).concat(y) };
}

// What is older than `start` is forgotten.
export function since(line, start) {
  const from = line.x.findIndex((at) => at >= start);
  if (from === 0) return line;
  return from < 0 ? { x: [], y: [] } : { x: line.x.slice(from), y: line.y.slice(from) };
}
