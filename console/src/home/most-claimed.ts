// The column on which most stakeholders depend: the best example of what a contract protects. Pure.

import type { Relation } from "../api/map";

export interface Claimed {
  path: string;
  column: string;
  stakeholders: string[];
}

export function mostClaimed(relations: readonly Relation[]): Claimed | null {
  let best: Claimed | null = null;
  let most = 0;
  for (const relation of relations) {
    const tables = relation.kind === "table" || relation.kind === "partitioned table";
    if (!tables) continue;
    for (const { name, key } of relation.columns) {
      const stakeholders = relation.dependents
        .filter((dependent) => dependent.columns[name] === "required")
        .map((dependent) => dependent.stakeholder);
      // Of equals the first that is no key: a rename of a key is a rare migration.
      const weight = stakeholders.length - (key ? 0.5 : 0);
      if (weight > most) {
        most = weight;
        best = { path: relation.path, column: name, stakeholders: [...new Set(stakeholders)] };
      }
    }
  }
  return best;
}

function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** The path is quoted already, as in the catalog's own words. */
export function rename({ path, column }: Claimed): string {
  return `ALTER TABLE ${path} RENAME COLUMN ${quoted(column)} TO ${quoted(`${column}_new`)};`;
}
