// The query that the workbench begins with: a few rows of the first table that the stakeholder claims.

import type { Schemas } from "../api/client";

/** Names that need no quotes in a path of a claim, nor in a URL. */
const PLAIN = /^[A-Za-z_][A-Za-z0-9_]*\.([A-Za-z_][A-Za-z0-9_]*)$/;

export function firstTable(specification: Schemas["Specification"]): string | null {
  for (const match of specification.match as { path?: string; alternatives?: { path?: string }[] }[]) {
    const [, table] = PLAIN.exec(match.path ?? match.alternatives?.[0]?.path ?? "") ?? [];
    if (table) return `/${table}?limit=5`;
  }
  return null;
}
