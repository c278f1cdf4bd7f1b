// What a change of a table or column would do, in words. The migration lab tries it; this explains it beforehand.

import type { Schemas } from "../api/client";
import { identifier, qualified } from "../parts/quoting";
import type { Table } from "./model";

export type Dependent = Schemas["Dependent"];
export type DependentObject = Schemas["DependentObject"];

export interface Change {
  name: string;
  sql: string;
  /** refused: Postgres or a contract refuses it. depends: the lab knows. passes: nothing is in the way. */
  outcome: "refused" | "depends" | "passes";
  words: string[];
}

export interface Groups {
  required: Dependent[];
  alternative: Dependent[];
  optional: Dependent[];
}

export function grouped(dependents: readonly Dependent[]): Groups {
  const of = (dependency: string) => dependents.filter((dependent) => dependent.dependency === dependency);
  return { required: of("required"), alternative: of("alternative"), optional: of("optional") };
}

/** The name of a saved query, where it is one that depends. */
export function queryOf(dependent: Dependent): string | null {
  return dependent.kind.startsWith("query ") ? dependent.kind.slice("query ".length) : null;
}

/** ALTER and DROP name the kind of a relation. */
const KINDS: Record<string, string> = {
  view: "VIEW",
  "materialized view": "MATERIALIZED VIEW",
  "foreign table": "FOREIGN TABLE",
};

/** An object with what it belongs to, as people call it. */
export function objectName(object: DependentObject): string {
  return `${object.kind} ${object.name}${object.on_path === null ? "" : ` on ${object.on_path}`}`;
}

/** The objects that hold a table, or a column of it: what belongs to the table itself goes with the table. */
function holding(objects: readonly DependentObject[], path: string, column: string | null): string[] {
  return objects
    .filter((object) => (column === null ? object.on_path !== path : object.columns.includes(column)))
    .map(objectName);
}

export function changesOf(
  table: Table,
  column: string | null,
  dependents: readonly Dependent[],
  objects: readonly DependentObject[],
): Change[] {
  const { relation } = table;
  const kind = KINDS[relation.kind] ?? "TABLE";
  const name = qualified(relation);
  const contract = contractWords(dependents);
  if (column === null) {
    const fromOthers = table.incoming.filter((key) => key.from_path !== relation.path);
    return [
      {
        name: `Drop the ${relation.kind}`,
        sql: `DROP ${kind} ${name};`,
        ...combined(
          contract,
          held(
            fromOthers.map((key) => key.from_path),
            holding(objects, relation.path, null),
          ),
        ),
      },
      {
        name: `Rename the ${relation.kind}`,
        sql: `ALTER ${kind} ${name} RENAME TO ${identifier(`${relation.relation_name}_new`)};`,
        ...combined(contract, null),
      },
    ];
  }
  const renamed = {
    name: "Rename the column",
    sql: `ALTER ${kind} ${name} RENAME COLUMN ${identifier(column)} TO ${identifier(`${column}_new`)};`,
    ...combined(contract, null),
  };
  // The columns of a view are those of its query.
  if (kind.endsWith("VIEW")) return [renamed];
  const pointing = table.incoming.filter((key) => key.to_columns.includes(column));
  const own = table.outgoing.filter((key) => key.from_columns.includes(column));
  const dropped = combined(
    contract,
    held(
      pointing.map((key) => key.from_path),
      holding(objects, relation.path, column),
    ),
  );
  if (own.length > 0) dropped.words.push(`It takes the foreign key to ${listed(own.map((key) => key.to_path))} away.`);
  return [
    { name: "Drop the column", sql: `ALTER ${kind} ${name} DROP COLUMN ${identifier(column)};`, ...dropped },
    renamed,
  ];
}

type Effect = Pick<Change, "outcome" | "words">;

function contractWords(dependents: readonly Dependent[]): Effect {
  const { required, alternative, optional } = grouped(dependents);
  const words: string[] = [];
  if (required.length > 0) {
    words.push(`COMMIT refuses it: ${stakeholders(required)} ${required.length === 1 ? "requires" : "require"} it.`);
  }
  if (alternative.length > 0) {
    words.push(`It passes for ${stakeholders(alternative)} only while another alternative is there.`);
  }
  if (optional.length > 0) words.push(`${stakeholders(optional)} would do without it: the claim is optional.`);
  if (words.length === 0) words.push("No contract is in the way: no stakeholder depends on it.");
  return { outcome: required.length > 0 ? "refused" : alternative.length > 0 ? "depends" : "passes", words };
}

/** What Postgres itself says to a DROP: keys are the tables whose foreign keys refer to it. */
function held(keys: readonly string[], objects: readonly string[]): Effect | null {
  const words: string[] = [];
  if (keys.length > 0) words.push(`Postgres refuses it without CASCADE: foreign keys of ${listed(keys)} refer to it.`);
  if (objects.length > 0) {
    words.push(`Postgres refuses it without CASCADE: ${listed(objects)} ${objects.length === 1 ? "uses" : "use"} it.`);
  }
  return words.length === 0 ? null : { outcome: "refused", words };
}

function combined(contract: Effect, keys: Effect | null): Effect {
  return keys
    ? { outcome: "refused", words: [...contract.words, ...keys.words] }
    : { outcome: contract.outcome, words: [...contract.words] };
}

function stakeholders(dependents: readonly Dependent[]): string {
  return listed(dependents.map((dependent) => dependent.stakeholder));
}

/** "a", "a and b", "a, b and c", each once. */
export function listed(names: readonly string[]): string {
  const each = [...new Set(names)];
  return each.length < 2 ? (each[0] ?? "") : `${each.slice(0, -1).join(", ")} and ${each[each.length - 1]}`;
}
