// What an opened span shows: fetched when it is opened, and kept.

import { getJson } from "./client.js";
import { duration, el, visible } from "./dom.js";
import { fill } from "./format.js";

export class SpanDetails {
  // `address` and `other` are those of a span and of a trace, with ID in place of the id.
  constructor({ trace, address, other, texts }) {
    this.trace = trace;
    this.address = address;
    this.other = other;
    this.texts = texts;
  }

  of(span) {
    const place = el("div", { class: "ph-fields" }, this.#list([], span), el("p", { class: "ph-lead" }, this.texts.loading));
    getJson(this.address.replace("ID", span.span_id)).then(
      (found) => place.replaceChildren(...this.#all(span, found)),
      (error) => place.lastChild.replaceWith(el("p", { class: "ph-failed" }, fill(this.texts.lost, { message: visible(error.message) }))),
    );
    return place;
  }

  #all(span, { attrs, events, links }) {
    const parts = [this.#list(Object.entries(attrs), span)];
    if (events.length) parts.push(el("h3", {}, this.texts.events), ...events.map((event) => this.#event(event)));
    if (links.length) parts.push(el("h3", {}, this.texts.links), el("ul", {}, ...links.map((link) => el("li", {}, el("a", { href: `${this.other.replace("ID", link.trace_id)}?span=${link.span_id}`, class: "ph-mono" }, link.trace_id)))));
    const lines = (this.trace.lines ?? []).filter((line) => line.span_id === span.span_id);
    if (lines.length) parts.push(el("h3", {}, this.texts.lines), el("ul", {}, ...lines.map((line) => el("li", { class: "ph-mono" }, `${line.level} · ${visible(line.body)}`))));
    return parts;
  }

  #list(attrs, span) {
    const list = el("dl", { class: "ph-dl" });
    const add = (name, value) => list.append(el("dt", {}, visible(name)), el("dd", {}, visible(value)));
    add(this.texts.spanId, span.span_id);
    if (span.parent) add(this.texts.parentId, span.parent);
    if (span.critical_us) add(this.texts.onPath, duration(span.critical_us));
    if (span.skew_us) add(this.texts.skew, duration(span.skew_us));
    for (const [name, value] of attrs) add(name, text(value));
    return list;
  }

  #event({ name, time_ns: at, attrs }) {
    const after = at / 1000 - Date.parse(this.trace.start) * 1000;
    const list = el("dl", { class: "ph-dl" });
    for (const [key, value] of Object.entries(attrs)) list.append(el("dt", {}, visible(key)), el("dd", {}, visible(text(value))));
    return el("div", {}, el("b", {}, visible(name)), ` ${duration(Math.max(after, 0))}`, list);
  }
}

const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
