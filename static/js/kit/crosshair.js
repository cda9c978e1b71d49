// The moment under the cursor, as a thin line in every chart of the page.

const charts = new Set();
let frame = 0;

export const watch = (chart) => charts.add(chart);

// `at` in milliseconds since 1970; null takes the lines away. The chart under the cursor has its own.
export function point(at, own = null) {
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(() => {
    for (const chart of charts) place(chart, chart === own ? null : at);
  });
}

function place(chart, at) {
  const line = chart.card.querySelector("[data-crosshair]");
  const left = at === null ? null : chart.pixelOf(at);
  line.hidden = left === null;
  if (left !== null) line.style.transform = `translateX(${left}px)`;
}
