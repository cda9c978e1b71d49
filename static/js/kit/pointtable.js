// The same data as a table, newest first, for whoever does not read lines.

import { moment, number } from "./format.js";
import { texts } from "./texts.js";

const ROWS = 30;

export function fillTable(table, lines) {
  const names = [...lines.keys()];
  const times = [...new Set([...lines.values()].flatMap((line) => line.x))].sort((a, b) => b - a).slice(0, ROWS);
  const places = new Map([...lines].map(([name, line]) => [name, new Map(line.x.map((at, i) => [at, line.y[i]]))]));
  const rows = times.map((at) => [moment(at), ...names.map((name) => {
    const value = places.get(name).get(at);
    return value == null ? texts.noData : number(value);
  })]);
  table.replaceChildren(row("th", [texts.time, ...names]), ...rows.map((cells) => row("td", cells)));
}

function row(tag, cells) {
  const line = document.createElement("tr");
  for (const text of cells) {
    const cell = document.createElement(tag);
    if (tag === "th") cell.scope = "col";
    cell.textContent = text;
    line.append(cell);
  }
  return line;
}
