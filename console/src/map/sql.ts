// SQL that the map offers to copy, with every name quoted where Postgres needs it.

import type { Graph, Step } from "./model";

/** The reserved words of Postgres; a name that is one of them is quoted. */
const RESERVED = new Set(
  (
    "all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation " +
    "column concurrently constraint create cross current_catalog current_date current_role current_schema " +
    "current_time current_timestamp current_user default deferrable desc distinct do else end except false fetch for " +
    "foreign freeze from full grant group having ilike in initially inner intersect into is isnull join lateral " +
    "leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps " +
    "placing primary references returning right select session_user similar some symmetric system_user table " +
    "tablesample then to trailing true union unique user using variadic verbose when where window with"
  ).split(" "),
);

export function identifier(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) && !RESERVED.has(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

export function qualified(relation: { schema_name: string; relation_name: string }): string {
  return `${identifier(relation.schema_name)}.${identifier(relation.relation_name)}`;
}

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
