// The values of panels as people read them; pure.

import { ago, bytes, decimal, duration } from "../parts/format";

export type Row = Record<string, unknown>;

/** A value by the name of its column, which says the unit. */
export function shown(value: unknown, column: string): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  const number = typeof value === "number" ? value : /^-?\d+(\.\d+)?$/.test(String(value)) ? Number(value) : null;
  if (number !== null) {
    if (column.endsWith("bytes")) return bytes(number);
    if (column.endsWith("seconds")) return duration(number);
    if (column === "pid" || column === "waits_for" || column === "query_id") return String(value);
    return decimal(number);
  }
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value)) return ago(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Whether a session of the tree waits for another. */
export function waiting(row: Row): boolean {
  return Number(row.depth) > 0;
}

function identity(row: Row): string {
  return `${row.role} ${row.query_id}`;
}

/** Statements with what has come since they were first looked at, the most first. */
export function deltas(rows: readonly Row[], first: readonly Row[], by: string): Row[] {
  const before = new Map(first.map((row) => [identity(row), row]));
  return rows
    .map((row) => {
      const was = before.get(identity(row));
      const since = (column: string) => Math.max(0, Number(row[column] ?? 0) - Number(was?.[column] ?? 0));
      const { query, ...others } = row;
      return { ...others, since_then_calls: since("calls"), since_then_ms: since(by), query };
    })
    .sort((a, b) => b.since_then_ms - a.since_then_ms);
}

/** The points of a line in a box, the oldest first. */
export function line(values: readonly number[], width: number, height: number): string {
  const most = Math.max(1, ...values);
  const step = width / Math.max(1, values.length - 1);
  return values
    .map((value, index) => `${(index * step).toFixed(1)},${(height - (value / most) * height).toFixed(1)}`)
    .join(" ");
}

/** The rates of a counter, which may start anew. */
export function rates(values: readonly number[], times: readonly number[]): number[] {
  return values.slice(1).map((value, index) => {
    const seconds = (times[index + 1] ?? 0) - (times[index] ?? 0);
    return seconds > 0 ? Math.max(0, value - (values[index] ?? 0)) / seconds : 0;
  });
}
