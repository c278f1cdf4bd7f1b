// The column on which most stakeholders depend: the best example of what a contract protects. Pure.

import type { Relation } from "../api/map";
import { identifier, qualified } from "../parts/quoting";

export interface Claimed {
  relation: Relation;
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
        best = { relation, column: name, stakeholders: [...new Set(stakeholders)] };
      }
    }
  }
  return best;
}

export function rename({ relation, column }: Claimed): string {
  return `ALTER TABLE ${qualified(relation)} RENAME COLUMN ${identifier(column)} TO ${identifier(`${column}_new`)};`;
}
