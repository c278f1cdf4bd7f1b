// The database as a graph: tables are its nodes, foreign keys its edges, and each table knows who claims it.

import type { DatabaseMap, ForeignKey, Relation } from "../api/map";

export type Column = Relation["columns"][number];
export type Dependency = "required" | "alternative" | "optional";

/** From the strictest on. */
export const DEPENDENCIES: readonly Dependency[] = ["required", "alternative", "optional"];

export interface Claim {
  stakeholder: string;
  /** The strictest of the stakeholder's specifications. */
  dependency: Dependency;
}

export interface Table {
  relation: Relation;
  claims: Claim[];
  columnClaims: Map<string, Claim[]>;
  outgoing: ForeignKey[];
  incoming: ForeignKey[];
  /** The columns of its own foreign keys. */
  referring: Set<string>;
}

export interface Graph {
  tables: Map<string, Table>;
  keys: ForeignKey[];
  schemas: string[];
  stakeholders: string[];
  /** A short letter code of each stakeholder, so that the map is readable without colour. */
  codes: Map<string, string>;
}

export function graphOf(map: DatabaseMap): Graph {
  const tables = new Map<string, Table>();
  const names = new Set<string>();
  for (const relation of map.relations) {
    const claims = new Map<string, Dependency>();
    const columns = new Map<string, Map<string, Dependency>>();
    for (const { stakeholder, dependency, columns: claimed } of relation.dependents) {
      names.add(stakeholder);
      keepStrictest(claims, stakeholder, dependency);
      for (const [column, degree] of Object.entries(claimed)) {
        const present = columns.get(column) ?? new Map<string, Dependency>();
        keepStrictest(present, stakeholder, degree as Dependency);
        columns.set(column, present);
      }
    }
    tables.set(relation.path, {
      relation,
      claims: listed(claims),
      columnClaims: new Map([...columns].map(([column, of]) => [column, listed(of)])),
      outgoing: [],
      incoming: [],
      referring: new Set(),
    });
  }
  const keys = map.foreign_keys.filter((key) => tables.has(key.from_path) && tables.has(key.to_path));
  for (const key of keys) {
    const from = tables.get(key.from_path) as Table;
    from.outgoing.push(key);
    for (const column of key.from_columns) from.referring.add(column);
    tables.get(key.to_path)?.incoming.push(key);
  }
  const stakeholders = [...names].sort(byName);
  return {
    tables,
    keys,
    schemas: [...new Set(map.relations.map((relation) => relation.schema_name))].sort(byName),
    stakeholders,
    codes: new Map(stakeholders.map((name, index) => [name, code(index)])),
  };
}

function keepStrictest(of: Map<string, Dependency>, stakeholder: string, dependency: Dependency): void {
  const present = of.get(stakeholder);
  if (!present || DEPENDENCIES.indexOf(dependency) < DEPENDENCIES.indexOf(present)) of.set(stakeholder, dependency);
}

function listed(of: Map<string, Dependency>): Claim[] {
  return [...of]
    .map(([stakeholder, dependency]) => ({ stakeholder, dependency }))
    .sort((a, b) => byName(a.stakeholder, b.stakeholder));
}

/** An order that is the same in every browser. */
export function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A to Z, then AA to AZ, and so on. */
export function code(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26));
  return index < 26 ? letter : code(Math.floor(index / 26) - 1) + letter;
}

/** The other table of a foreign key; of one that refers to its own table, that table. */
export function otherSide(key: ForeignKey, path: string): string {
  return key.from_path === path ? key.to_path : key.from_path;
}

export function neighbours(graph: Graph, path: string): string[] {
  const table = graph.tables.get(path);
  if (!table) return [];
  const found = new Set<string>();
  for (const key of [...table.outgoing, ...table.incoming]) found.add(otherSide(key, path));
  found.delete(path);
  return [...found].sort(byName);
}

export interface Neighbourhood {
  /** The nearest first, the table itself before them. */
  paths: string[];
  /** How many tables are as near, and not among the paths. */
  left: number;
}

/** The tables that so many foreign keys lead to, in either direction; at most limit of them. */
export function neighbourhood(graph: Graph, path: string, depth: number, limit: number): Neighbourhood {
  if (!graph.tables.has(path)) return { paths: [], left: 0 };
  const seen = new Set([path]);
  let ring = [path];
  for (let step = 0; step < depth && ring.length > 0; step += 1) {
    const next: string[] = [];
    for (const at of ring) {
      for (const neighbour of neighbours(graph, at)) {
        if (seen.has(neighbour)) continue;
        seen.add(neighbour);
        next.push(neighbour);
      }
    }
    ring = next;
  }
  const paths = [...seen];
  return { paths: paths.slice(0, limit), left: Math.max(paths.length - limit, 0) };
}

export interface Step {
  key: ForeignKey;
  from: string;
  to: string;
}

/** The shortest chain of foreign keys between two tables; null when nothing connects them. */
export function joinPath(graph: Graph, from: string, to: string): Step[] | null {
  if (!graph.tables.has(from) || !graph.tables.has(to)) return null;
  const reached = new Map<string, Step | null>([[from, null]]);
  const queue = [from];
  for (let at = queue.shift(); at !== undefined && !reached.has(to); at = queue.shift()) {
    const table = graph.tables.get(at) as Table;
    for (const key of [...table.outgoing, ...table.incoming]) {
      const next = otherSide(key, at);
      if (reached.has(next)) continue;
      reached.set(next, { key, from: at, to: next });
      queue.push(next);
    }
  }
  if (!reached.has(to)) return null;
  const steps: Step[] = [];
  for (let step = reached.get(to); step; step = reached.get(step.from)) steps.unshift(step);
  return steps;
}

export interface Rows {
  columns: Column[];
  /** How many columns there is no row for. */
  left: number;
}

/** The columns that a table's box shows, in their order: keys and claimed columns before others when not all fit. */
export function rowsOf(table: Table, limit: number): Rows {
  const { columns } = table.relation;
  if (columns.length <= limit) return { columns, left: 0 };
  const weight = (column: Column) =>
    (column.key ? 0 : 4) + (table.referring.has(column.name) ? 0 : 2) + (table.columnClaims.has(column.name) ? 0 : 1);
  const chosen = new Set(
    columns
      .map((column, place) => ({ column, place }))
      .sort((a, b) => weight(a.column) - weight(b.column) || a.place - b.place)
      .slice(0, limit - 1)
      .map(({ column }) => column),
  );
  return { columns: columns.filter((column) => chosen.has(column)), left: columns.length - chosen.size };
}
