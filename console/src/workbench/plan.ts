// Reads what EXPLAIN prints: a tree of nodes with their estimates.

export interface PlanNode {
  what: string;
  /** The planner's cost of the node with all below it, and the rows that it expects. */
  cost: number;
  rows: number;
  details: string[];
  inner: PlanNode[];
}

const NODE = /^( *)(?:-> {2})?(.+?) {2}\(cost=[\d.]+\.\.([\d.]+) rows=(\d+) width=\d+\)$/;

/** Returns the root, or null where there is none. */
export function planOf(lines: readonly string[]): PlanNode | null {
  let root: PlanNode | null = null;
  const path: { indent: number; node: PlanNode }[] = [];
  for (const line of lines) {
    const [, blanks = "", what = "", cost = "0", rows = "0"] = NODE.exec(line) ?? [];
    if (what === "") {
      path.at(-1)?.node.details.push(line.trim());
      continue;
    }
    const node: PlanNode = { what, cost: Number(cost), rows: Number(rows), details: [], inner: [] };
    while (path.length > 0 && (path.at(-1)?.indent ?? 0) >= blanks.length) path.pop();
    const above = path.at(-1);
    if (above) above.node.inner.push(node);
    else root ??= node;
    path.push({ indent: blanks.length, node });
  }
  return root;
}
