// The shape of a trace, computed without a page: which rows are shown, and where flames lie.

// For spans depth first, each with `depth`: the last descendant of every one (itself for a leaf).
export function lastOf(spans) {
  const last = new Int32Array(spans.length);
  const path = [];
  for (let i = 0; i <= spans.length; i++) {
    const depth = spans[i]?.depth ?? 0;
    while (path.length > (i < spans.length ? depth : 0)) last[path.pop()] = i - 1;
    if (i < spans.length) path.push(i);
  }
  return last;
}

// The spans one sees while some are closed, by their index.
export function shown(spans, last, closed) {
  const rows = [];
  for (let i = 0; i < spans.length; i++) {
    rows.push(i);
    if (closed.has(i)) i = last[i];
  }
  return rows;
}

// The span above each one, -1 for a root.
export function parentsOf(spans) {
  const parents = new Int32Array(spans.length);
  const path = [];
  spans.forEach((span, i) => {
    path.length = Math.min(path.length, span.depth);
    parents[i] = path.at(-1) ?? -1;
    path.push(i);
  });
  return parents;
}

// Spans as a call tree of {name, service, count, failed, self, total, critical, children, above}. Merged, calls
// of one name below the same callers are one node. `total` is the time the node and all below it were
// busy: children that ran at once both count, so that a frame is as wide as what stands on it.
export function callTree(spans, { merged = true } = {}) {
  const root = node("", "", null);
  const path = [root];
  for (const span of spans) {
    path.length = Math.min(path.length, span.depth + 1);
    const above = path.at(-1);
    const key = merged ? `${span.service}\u0000${span.name}` : above.index.size;
    let found = above.index.get(key);
    if (!found) {
      found = node(span.name, span.service, above);
      above.index.set(key, found);
      above.children.push(found);
    }
    found.count += 1;
    found.failed += span.failed ? 1 : 0;
    found.self += span.self_us;
    found.critical += span.critical_us ?? 0;
    path.push(found);
  }
  const order = [root];
  for (const one of order) order.push(...one.children);
  for (const one of order.reverse()) {
    one.total += one.self;
    if (one.above) one.above.total += one.total;
    one.children.sort((a, b) => (merged ? b.total - a.total : 0));
  }
  return root;
}

function node(name, service, above) {
  return { name, service, above, count: 0, failed: 0, self: 0, total: 0, critical: 0, children: [], index: new Map() };
}

// Where the frames below `top` lie: {node, level, x, width} in parts of the whole, those too thin to
// be seen left out. `top` itself is level 0 and fills the width.
export function frames(top, { least = 0.001, most = 3000 } = {}) {
  const found = [];
  const todo = [{ node: top, level: 0, x: 0, width: 1 }];
  let hidden = 0;
  for (let i = 0; i < todo.length; i++) {
    const frame = todo[i];
    found.push(frame);
    let x = frame.x;
    for (const child of frame.node.children) {
      const width = frame.node.total ? (frame.width * child.total) / frame.node.total : 0;
      if (width >= least && todo.length < most) todo.push({ node: child, level: frame.level + 1, x, width });
      else hidden += 1;
      x += width;
    }
  }
  return { frames: found, hidden };
}
