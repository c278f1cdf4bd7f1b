// The plan of a query as a picture: each node with a bar for its share of the cost.

import { percent, rows } from "../parts/format";
import type { PlanNode } from "./plan";

export function Plan({ root }: { root: PlanNode }) {
  return (
    <>
      <p class="quiet">What the planner expects: the bars show the share of the whole cost, which is {root.cost}.</p>
      <ul class="plan">
        <Node node={root} whole={root.cost} />
      </ul>
    </>
  );
}

function Node({ node, whole }: { node: PlanNode; whole: number }) {
  // Below LIMIT, a node may cost more than the whole: it is not run to its end.
  const share = whole > 0 ? Math.min(node.cost / whole, 1) : 0;
  return (
    <li>
      <div class="node">
        <span>{node.what}</span>
        <span class="gauge" aria-hidden="true">
          <span style={{ width: `${Math.round(share * 100)}%` }} />
        </span>
        <span class="quiet">
          {percent(share)}, {rows(node.rows)} {node.rows === 1 ? "row" : "rows"}
        </span>
      </div>
      {node.details.map((detail) => (
        <div key={detail} class="quiet">
          {detail}
        </div>
      ))}
      {node.inner.length > 0 && (
        <ul>
          {node.inner.map((inner, place) => (
            <Node key={place} node={inner} whole={whole} />
          ))}
        </ul>
      )}
    </li>
  );
}
