// The query of a join path, which the map offers to copy.

import { identifier, qualified } from "../parts/quoting";
import type { Graph, Step } from "./model";

/** A query over the tables of a join path; a table whose name another has too gets a number. */
export function joinSql(graph: Graph, from: string, steps: readonly Step[]): string {
  const names = new Map<string, { table: string; alias: string }>();
  const taken = new Set<string>();
  for (const path of [from, ...steps.map((step) => step.to)]) {
    const relation = graph.tables.get(path)?.relation;
    if (!relation || names.has(path)) continue;
    let name = relation.relation_name;
    for (let number = 2; taken.has(name); number += 1) name = `${relation.relation_name}_${number}`;
    taken.add(name);
    const alias = identifier(name);
    names.set(path, {
      table: name === relation.relation_name ? qualified(relation) : `${qualified(relation)} AS ${alias}`,
      alias,
    });
  }
  const lines = ["SELECT *", `  FROM ${names.get(from)?.table ?? from}`];
  for (const { key, to } of steps) {
    const conditions = key.from_columns.map(
      (column, index) =>
        `${names.get(key.from_path)?.alias}.${identifier(column)} = ` +
        `${names.get(key.to_path)?.alias}.${identifier(key.to_columns[index] ?? "")}`,
    );
    lines.push(`  JOIN ${names.get(to)?.table} ON ${conditions.join(" AND ")}`);
  }
  lines.push(" LIMIT 100;");
  return lines.join("\n");
}
