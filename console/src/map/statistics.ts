// What ANALYZE found in the columns of a table, asked for once a table.

import { signal } from "@preact/signals";
import { type ApiError, answered, client, type Schemas } from "../api/client";
import { asApiError } from "../api/resource";

export type ColumnStatistics = Schemas["ColumnStatistics"];

export interface Loaded {
  columns: Map<string, ColumnStatistics>;
  error: ApiError | null;
}

/** By path; a table that is not here was not asked for, or its answer is on the way. */
export const statistics = signal<ReadonlyMap<string, Loaded>>(new Map());
const asked = new Set<string>();

export function loadStatistics(path: string, { again = false } = {}): void {
  if (asked.has(path) && !again) return;
  asked.add(path);
  const keep = (loaded: Loaded) => {
    statistics.value = new Map(statistics.value).set(path, loaded);
  };
  answered(client.GET("/map/statistics", { params: { query: { path } } })).then(
    ({ data }) => keep({ columns: new Map(data.map((column) => [column.column_name, column])), error: null }),
    (error: unknown) => keep({ columns: new Map(), error: asApiError(error) }),
  );
}

export function forgetStatistics(): void {
  asked.clear();
  statistics.value = new Map();
}

/** The distinct values in words; a negative number is a fraction of the rows. */
export function distinct(values: number): string {
  if (values === -1) return "unique";
  if (values < 0) return `${Math.round(-values * 100)} % distinct`;
  return values === 1 ? "1 value" : `${values.toLocaleString("en")} values`;
}
