// The shortest chain of foreign keys between two tables, and the query that joins them.

import { useMemo } from "preact/hooks";
import { Copy } from "../parts/copy";
import { type Graph, joinPath } from "./model";
import { addressOf } from "./place";
import { joinSql } from "./sql";

export function JoinPath({ graph, from, to }: { graph: Graph; from: string; to: string }) {
  const steps = useMemo(() => joinPath(graph, from, to), [graph, from, to]);
  return (
    <section class="map-panel" aria-label="Join path">
      <header>
        <h2>
          From {from} to {to}
        </h2>
        <a href={addressOf({ from: null, to: null })}>Close</a>
      </header>
      {steps === null ? (
        <p>
          {graph.tables.has(from) && graph.tables.has(to)
            ? "No chain of foreign keys connects them."
            : "The database has no such table, or your user may not see it."}
        </p>
      ) : steps.length === 0 ? (
        <p>This is the same table.</p>
      ) : (
        <>
          <ol class="keys">
            {steps.map(({ key, from: at, to: next }) => (
              <li key={key.name + at}>
                <a href={addressOf({ table: at, column: null })}>{at}</a>{" "}
                <code class="quiet">{(at === key.from_path ? key.from_columns : key.to_columns).join(", ")}</code>{" "}
                {at === key.from_path ? "→" : "←"} <a href={addressOf({ table: next, column: null })}>{next}</a>{" "}
                <code class="quiet">{(next === key.to_path ? key.to_columns : key.from_columns).join(", ")}</code>
              </li>
            ))}
          </ol>
          <pre>{joinSql(graph, from, steps)}</pre>
          <Copy text={joinSql(graph, from, steps)} label="Copy the query" />
        </>
      )}
    </section>
  );
}
