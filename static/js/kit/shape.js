// A trace in columns, as the API gives it, made into spans.

const ID = 16;
const KINDS = ["", "internal", "server", "client", "producer", "consumer"];

// Spans depth first: {name, service, kind, depth, failed, orphan, offset_us, duration_us, self_us,
// critical_us, skew_us, span_id, path}. `path` holds the stretches [from, to] in which the whole trace
// waited for the span, or is absent.
export function spansOf(shape) {
  const services = shape.services.map((part) => part.name);
  const spans = shape.name.map((name, i) => ({
    name: shape.names[name],
    service: services[shape.service[i]],
    kind: KINDS[shape.kind[i]] ?? "",
    depth: shape.depth[i],
    failed: false,
    orphan: false,
    parent: "",
    offset_us: shape.offset_us[i],
    duration_us: shape.took_us[i],
    self_us: shape.self_us[i],
    critical_us: 0,
    skew_us: 0,
    span_id: shape.ids.slice(i * ID, (i + 1) * ID),
  }));
  for (const i of shape.failed) spans[i].failed = true;
  for (const [i, id] of Object.entries(shape.parents_lost)) Object.assign(spans[i], { orphan: true, parent: id });
  for (const [i, us] of Object.entries(shape.skews_us)) spans[i].skew_us = us;
  for (const [i, from, to] of shape.path) {
    const span = spans[i];
    (span.path ??= []).push([from, to]);
    span.critical_us += to - from;
  }
  return spans;
}
