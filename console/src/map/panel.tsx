// The side panel: a table with its columns, statistics, keys and claims, and what a change of it would do.

import { useEffect, useRef, useState } from "preact/hooks";
import type { ForeignKey } from "../api/map";
import { Failure } from "../parts/failure";
import { bytes, percent, rows } from "../parts/format";
import { go, link } from "../routing";
import type { Shade } from "./colours";
import { short } from "./draw";
import { Impact } from "./impact-section";
import { Swatch } from "./list";
import { marks } from "./marks";
import type { Claim, Column, Graph, Table } from "./model";
import { addressOf, DEPTHS, type MapPlace } from "./place";
import { type ColumnStatistics, distinct, type Loaded, loadStatistics, statistics } from "./statistics";

interface Props {
  graph: Graph;
  at: MapPlace;
  shades: Map<string, Shade>;
}

export function Panel({ graph, at, shades }: Props) {
  const table = graph.tables.get(at.table ?? "");
  if (!table) {
    return (
      <section class="map-panel" aria-label="Table">
        <h2>{at.table}</h2>
        <p>The database has no such table, or your user may not see it.</p>
        <a href={addressOf({ table: null, column: null })}>All tables</a>
      </section>
    );
  }
  return <TablePanel key={table.relation.path} graph={graph} table={table} at={at} shades={shades} />;
}

function TablePanel({ graph, table, at, shades }: Props & { table: Table }) {
  const { relation } = table;
  const column = relation.columns.some(({ name }) => name === at.column) ? at.column : null;
  useEffect(() => loadStatistics(relation.path), [relation.path]);
  return (
    <section class="map-panel" aria-label={`Table ${relation.path}`}>
      <header>
        <h2>{relation.path}</h2>
        <a href={addressOf({ table: null, column: null, depth: null })}>Close</a>
      </header>
      {marks.value.has(relation.path) && <p class="bad">✗ {marks.value.get(relation.path)?.reason}</p>}
      {relation.comment && <p class="comment">{relation.comment}</p>}
      <p class="quiet">{factsOf(table).join(", ")}</p>
      <nav aria-label="Neighbourhood" class="row">
        <span class="quiet">Show</span>
        <a
          class="choice"
          href={addressOf({ depth: null, from: null, to: null })}
          aria-current={at.depth === null && at.from === null ? "true" : undefined}
        >
          all tables
        </a>
        {DEPTHS.map((depth) => (
          <a
            key={depth}
            class="choice"
            href={addressOf({ depth: String(depth), from: null, to: null })}
            title={`the tables that ${depth} foreign ${depth === 1 ? "key leads" : "keys lead"} to`}
            aria-current={at.depth === depth ? "true" : undefined}
          >
            {depth === 1 ? "1 step" : depth}
            {depth > 1 && <span class="hidden"> steps</span>}
          </a>
        ))}
      </nav>
      <Impact table={table} column={null} />
      <Columns table={table} chosen={column} shades={shades} />
      <ForeignKeys table={table} />
      <PathTo graph={graph} from={relation.path} />
    </section>
  );
}

function factsOf({ relation }: Table): string[] {
  return [
    relation.kind,
    `owner ${relation.owner}`,
    ...(relation.kind === "view"
      ? []
      : [
          relation.estimated_rows === null ? "never analysed" : `about ${rows(relation.estimated_rows)} rows`,
          bytes(relation.bytes),
        ]),
    ...(relation.partitions === null ? [] : [`${relation.partitions} partitions`]),
    ...(relation.row_security ? ["row level security"] : []),
  ];
}

function PathTo({ graph, from }: { graph: Graph; from: string }) {
  const [to, setTo] = useState("");
  const [unknown, setUnknown] = useState(false);
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault();
        const known = graph.tables.has(to) && to !== from;
        setUnknown(!known);
        if (known) go(addressOf({ from, to, depth: null }));
      }}
    >
      <input
        type="text"
        list="map-tables"
        aria-label="Path to another table"
        aria-invalid={unknown}
        placeholder="Path to another table"
        value={to}
        onInput={(event) => setTo(event.currentTarget.value)}
      />
      <datalist id="map-tables">
        {[...graph.tables.keys()].map((path) => (
          <option key={path} value={path} />
        ))}
      </datalist>
      <button type="submit">Find the path</button>
      {unknown && <span class="bad">Name another table, as schema.table.</span>}
    </form>
  );
}

function Columns({ table, chosen, shades }: { table: Table; chosen: string | null; shades: Map<string, Shade> }) {
  const loaded = statistics.value.get(table.relation.path);
  const number = table.relation.columns.length;
  const row = useRef<HTMLTableRowElement>(null);
  useEffect(() => row.current?.scrollIntoView({ block: "nearest" }), [chosen]);
  return (
    <>
      <h3>
        {number} {number === 1 ? "column" : "columns"}
      </h3>
      {loaded?.error && (
        <Failure error={loaded.error} retry={() => loadStatistics(table.relation.path, { again: true })} />
      )}
      <table class="columns">
        <thead>
          <tr>
            <th scope="col">Column</th>
            <th scope="col">Values</th>
            <th scope="col">Claimed by</th>
          </tr>
        </thead>
        <tbody>
          {table.relation.columns.map((column) => [
            <tr
              key={column.name}
              ref={column.name === chosen ? row : null}
              data-chosen={column.name === chosen ? "true" : undefined}
            >
              <th scope="row">
                <a
                  href={addressOf({ column: column.name === chosen ? null : column.name })}
                  aria-current={column.name === chosen ? "true" : undefined}
                >
                  {column.name}
                </a>{" "}
                <Keys table={table} column={column} />
                <div class="quiet">
                  <code title={column.type}>{short(column.type)}</code>
                  {column.nullable ? ", nullable" : ", not null"}
                </div>
                {column.comment && <div class="quiet">{column.comment}</div>}
              </th>
              <td>
                <Values column={column.name} loaded={loaded} />
              </td>
              <td>
                <Claims claims={table.columnClaims.get(column.name) ?? []} shades={shades} />
              </td>
            </tr>,
            column.name === chosen && (
              <tr key={`impact of ${column.name}`} data-chosen="true">
                <td colSpan={3}>
                  <Impact table={table} column={column.name} />
                </td>
              </tr>
            ),
          ])}
        </tbody>
      </table>
      {loaded && !loaded.error && loaded.columns.size === 0 && table.relation.kind !== "view" && (
        <p class="quiet">
          ANALYZE has not been here yet, so that nothing is known about the values: <code>ANALYZE</code> finds it out.
        </p>
      )}
    </>
  );
}

function Keys({ table, column }: { table: Table; column: Column }) {
  return (
    <>
      {column.key && (
        <span class="tag" title="primary key">
          PK
        </span>
      )}{" "}
      {table.referring.has(column.name) && (
        <span class="tag" title="foreign key">
          FK
        </span>
      )}
    </>
  );
}

function Values({ column, loaded }: { column: string; loaded: Loaded | undefined }) {
  if (!loaded) return <span class="quiet">…</span>;
  const statistic = loaded.columns.get(column);
  if (!statistic) return null;
  return (
    <div class="values">
      <Filled nulls={statistic.null_fraction} />
      <div class="quiet">{distinct(statistic.distinct_values)}</div>
      <Frequencies statistic={statistic} />
    </div>
  );
}

function Filled({ nulls }: { nulls: number }) {
  return (
    <div class="filled">
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect class="back" width="100" height="6" />
        <rect class="front" width={100 * (1 - nulls)} height="6" />
      </svg>
      <span class="quiet">{nulls === 0 ? "no nulls" : `${percent(nulls)} null`}</span>
    </div>
  );
}

/** How frequent the most common values are; which values they are stays in the database. */
function Frequencies({ statistic }: { statistic: ColumnStatistics }) {
  const frequencies = statistic.frequencies ?? [];
  if (frequencies.length === 0) return null;
  const most = frequencies[0] ?? 1;
  return (
    <svg
      class="frequencies"
      viewBox={`0 0 ${Math.max(frequencies.length, 8) * 5} 16`}
      role="img"
      aria-label={`The most common values have ${frequencies.slice(0, 5).map(percent).join(", ")} of the rows`}
    >
      <title>{frequencies.slice(0, 10).map(percent).join(", ")}</title>
      {frequencies.map((frequency, index) => {
        const height = Math.max((16 * frequency) / most, 1);
        return <rect key={index} class="front" x={index * 5} y={16 - height} width="4" height={height} />;
      })}
    </svg>
  );
}

export function Claims({ claims, shades }: { claims: readonly Claim[]; shades: Map<string, Shade> }) {
  return (
    <>
      {claims.map(({ stakeholder, dependency }) => (
        <div key={stakeholder} class="claim">
          <Swatch shade={shades.get(stakeholder)} />
          <a href={link("stakeholders", { name: stakeholder })}>{stakeholder}</a>
          {dependency !== "required" && <span class="quiet"> {dependency}</span>}
        </div>
      ))}
    </>
  );
}

function ForeignKeys({ table }: { table: Table }) {
  const { path } = table.relation;
  if (table.outgoing.length + table.incoming.length === 0) {
    return (
      <>
        <h3>Foreign keys</h3>
        <p class="quiet">No foreign key begins or ends here.</p>
      </>
    );
  }
  return (
    <>
      <h3>Foreign keys</h3>
      <ul class="keys">
        {table.outgoing.map((key) => (
          <KeyLine key={key.name} arrow="→" said="refers to" columns={key.from_columns} to={key.to_path} of={key} />
        ))}
        {table.incoming
          .filter((key) => key.from_path !== path)
          .map((key) => (
            <KeyLine
              key={key.from_path + key.name}
              arrow="←"
              said="is referred to by"
              columns={key.to_columns}
              to={key.from_path}
              of={key}
            />
          ))}
      </ul>
    </>
  );
}

interface KeyLineProps {
  arrow: string;
  said: string;
  columns: readonly string[];
  to: string;
  of: ForeignKey;
}

function KeyLine({ arrow, said, columns, to, of }: KeyLineProps) {
  const others = to === of.to_path ? of.to_columns : of.from_columns;
  return (
    <li title={of.name}>
      <code>{columns.join(", ")}</code> <span aria-hidden="true">{arrow}</span>
      <span class="hidden"> {said} </span> <a href={addressOf({ table: to, column: null })}>{to}</a>{" "}
      <code class="quiet">{others.join(", ")}</code>
    </li>
  );
}
