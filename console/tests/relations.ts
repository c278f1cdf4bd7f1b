// Relations for tests, from what matters in them.

import type { Relation } from "../src/api/map";

/** claims: the columns that each stakeholder requires. */
export function relation(path: string, columns: string[], claims: Record<string, string[]> = {}): Relation {
  const [schema = "", name = ""] = path.split(".");
  return {
    path,
    schema_name: schema,
    relation_name: name,
    kind: "table",
    owner: "owner",
    estimated_rows: 10,
    bytes: 8192,
    row_security: false,
    partitions: null,
    comment: null,
    columns: columns.map((column) => ({
      name: column,
      type: "bigint",
      nullable: true,
      key: column === "id",
      comment: null,
    })),
    dependents: Object.entries(claims).map(([stakeholder, required]) => ({
      stakeholder,
      kind: "claims",
      dependency: "required",
      columns: Object.fromEntries(required.map((column) => [column, "required"])),
    })),
  };
}
