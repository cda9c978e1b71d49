// What the pages of logs and traces share.

import { el } from "./dom.js";
import { fullMoment } from "./format.js";

// A time in the reader's zone, UTC to the microsecond in its title.
export function stamp(text) {
  return el("time", { datetime: text, title: text.replace("T", " ").replace("Z", " UTC") }, fullMoment(Date.parse(text)));
}

// The address of this list with one more filter.
export function onlyThis(parameter, value) {
  const query = new URLSearchParams(location.search);
  for (const name of ["after", "plain"]) query.delete(name);
  if (parameter === "attr") {
    if (!query.getAll("attr").includes(value)) query.append("attr", value);
  } else query.set(parameter, value);
  return `?${query}`;
}
