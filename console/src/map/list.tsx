// The list of tables: everything that the canvas shows, found by typing and walked through by the arrow keys.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { rows } from "../parts/format";
import { change } from "../routing";
import type { Shade } from "./colours";
import { byName, type Graph, type Table } from "./model";
import { addressOf } from "./place";

/** So many entries are in the page; more words find the others. */
const MOST = 2000;

/** The tables that have every word in their path, in the name of a stakeholder that claims them, or in a column. */
export function matching(graph: Graph, find: string): Table[] {
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  const found: { table: Table; rank: number }[] = [];
  for (const table of graph.tables.values()) {
    let rank = 0;
    for (const word of words) rank = Math.max(rank, rankOf(table, word));
    if (rank < NOT) found.push({ table, rank });
  }
  return found
    .sort((a, b) => a.rank - b.rank || byName(a.table.relation.path, b.table.relation.path))
    .map(({ table }) => table);
}

const NOT = 9;

function rankOf({ relation, claims }: Table, word: string): number {
  if (relation.relation_name.toLowerCase().startsWith(word)) return 0;
  if (relation.path.toLowerCase().includes(word)) return 1;
  if (claims.some(({ stakeholder }) => stakeholder.toLowerCase().includes(word))) return 2;
  return relation.columns.some(({ name }) => name.toLowerCase().includes(word)) ? 3 : NOT;
}

interface Props {
  graph: Graph;
  shades: Map<string, Shade>;
  chosen: string | null;
  find: string;
  onFollow: () => void;
}

export function TableList({ graph, shades, chosen, find, onFollow }: Props) {
  const found = useMemo(() => matching(graph, find), [graph, find]);
  const shown = found.slice(0, MOST);
  const list = useRef<HTMLUListElement>(null);
  const [focused, setFocused] = useState(0);
  const present = shown.findIndex((table) => table.relation.path === chosen);
  // One of the links is reached by Tab; the arrow keys lead to the others.
  const entry = focused < shown.length ? focused : Math.max(present, 0);

  useEffect(() => {
    list.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }, [chosen]);

  function focus(index: number): void {
    const next = Math.min(Math.max(index, 0), shown.length - 1);
    setFocused(next);
    list.current?.querySelectorAll("a")[next]?.focus();
  }

  function onKey(event: KeyboardEvent): void {
    const at = [...(list.current?.querySelectorAll("a") ?? [])].indexOf(document.activeElement as HTMLAnchorElement);
    const to = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: shown.length - 1,
      PageDown: at + 15,
      PageUp: at - 15,
    }[event.key];
    if (to === undefined || shown.length === 0) return;
    event.preventDefault();
    if (to < 0 && event.key === "ArrowUp") document.getElementById("map-find")?.focus();
    else focus(to);
  }

  return (
    <section class="map-list" aria-label="Tables">
      <input
        id="map-find"
        type="search"
        aria-label="Find tables by name, column or stakeholder"
        placeholder="Table, column or stakeholder"
        value={find}
        onInput={(event) => {
          setFocused(0);
          change({ find: event.currentTarget.value });
        }}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown" || shown.length === 0) return;
          event.preventDefault();
          focus(0);
        }}
      />
      <p class="quiet" role="status">
        {found.length === graph.tables.size
          ? `${found.length} ${found.length === 1 ? "table" : "tables"} and views`
          : `${found.length} of ${graph.tables.size}`}
        {found.length > shown.length && `; the first ${shown.length} are shown`}
      </p>
      <ul ref={list} onKeyDown={onKey}>
        {shown.map((table, index) => (
          <li key={table.relation.path}>
            <a
              href={addressOf({ table: table.relation.path, column: null, from: null, to: null })}
              tabIndex={index === entry ? 0 : -1}
              aria-current={table.relation.path === chosen ? "true" : undefined}
              onFocus={() => setFocused(index)}
              onClick={onFollow}
            >
              <span class="name">{table.relation.path}</span>
              <span class="facts">
                <Codes table={table} shades={shades} />
                <span class="quiet">
                  {table.relation.kind.endsWith("view") ? "view" : rows(table.relation.estimated_rows)}
                </span>
              </span>
            </a>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="quiet">No table, column or stakeholder has this name.</p>}
    </section>
  );
}

function Codes({ table, shades }: { table: Table; shades: Map<string, Shade> }) {
  const shown = table.claims.slice(0, 4);
  if (shown.length === 0) return null;
  return (
    <span title={`claimed by ${table.claims.map(({ stakeholder }) => stakeholder).join(", ")}`}>
      {shown.map(({ stakeholder }) => (
        <Swatch key={stakeholder} shade={shades.get(stakeholder)} />
      ))}
      {table.claims.length > shown.length && <span class="quiet">+{table.claims.length - shown.length}</span>}
      <span class="hidden">, claimed by {table.claims.length}</span>
    </span>
  );
}

export function Swatch({ shade }: { shade: Shade | undefined }) {
  return (
    <span class="swatch" aria-hidden="true" style={{ background: shade?.colour ?? "none" }}>
      {shade?.code}
    </span>
  );
}
