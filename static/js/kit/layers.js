// Where the nodes of a directed graph go: in columns, callers left of what they call.

// `nodes`: ids in order of weight. `edges`: [{src, dst}]. Gives id → {layer, row}; every layer's rows
// begin at 0. Circles are cut where a walk from the sources first closes them.
export function layers(nodes, edges) {
  const out = new Map(nodes.map((id) => [id, []]));
  const incoming = new Map(nodes.map((id) => [id, 0]));
  for (const { src, dst } of edges) {
    if (src === dst || !out.has(src) || !out.has(dst)) continue;
    out.get(src).push(dst);
    incoming.set(dst, incoming.get(dst) + 1);
  }
  const kept = acyclic(nodes, out, incoming);
  const layer = longest(nodes, kept);
  return rows(nodes, layer, kept);
}

// The edges that close no circle, by a walk in depth without recursion.
function acyclic(nodes, out, incoming) {
  const kept = new Map(nodes.map((id) => [id, []]));
  const state = new Map();
  const starts = [...nodes.filter((id) => !incoming.get(id)), ...nodes];
  for (const start of starts) {
    if (state.has(start)) continue;
    const stack = [[start, 0]];
    state.set(start, "open");
    while (stack.length) {
      const top = stack.at(-1);
      const [id, next] = top;
      const callee = out.get(id)[next];
      if (callee === undefined) {
        state.set(id, "done");
        stack.pop();
        continue;
      }
      top[1] += 1;
      if (state.get(callee) === "open") continue;
      kept.get(id).push(callee);
      if (!state.has(callee)) {
        state.set(callee, "open");
        stack.push([callee, 0]);
      }
    }
  }
  return kept;
}

function longest(nodes, kept) {
  const waiting = new Map(nodes.map((id) => [id, 0]));
  for (const callees of kept.values()) for (const id of callees) waiting.set(id, waiting.get(id) + 1);
  const layer = new Map(nodes.map((id) => [id, 0]));
  const ready = nodes.filter((id) => !waiting.get(id));
  for (const id of ready) {
    for (const callee of kept.get(id)) {
      layer.set(callee, Math.max(layer.get(callee), layer.get(id) + 1));
      waiting.set(callee, waiting.get(callee) - 1);
      if (!waiting.get(callee)) ready.push(callee);
    }
  }
  return layer;
}

// In each layer by the middle of its callers, so that edges cross less.
function rows(nodes, layer, kept) {
  const callers = new Map(nodes.map((id) => [id, []]));
  for (const [id, callees] of kept) for (const callee of callees) callers.get(callee).push(id);
  const places = new Map();
  const count = Math.max(-1, ...layer.values()) + 1;
  for (let at = 0; at < count; at++) {
    const here = nodes.filter((id) => layer.get(id) === at);
    const middle = (id) => {
      const above = callers.get(id).map((one) => places.get(one)?.row ?? 0);
      return above.length ? above.reduce((a, b) => a + b, 0) / above.length : 0;
    };
    const by = new Map(here.map((id) => [id, middle(id)]));
    here.sort((a, b) => by.get(a) - by.get(b));
    here.forEach((id, row) => places.set(id, { layer: at, row }));
  }
  return places;
}
