// The server at work: a panel for each question of an incident, in the order in which it asks them, read again and again.

import { useRef, useState } from "preact/hooks";
import { useAction } from "../api/action";
import { answered, client, type Schemas, session } from "../api/client";
import { useResource } from "../api/resource";
import { Failure } from "../parts/failure";
import { Same } from "../parts/same";
import { Scroll } from "../parts/scroll";
import { change, link, place } from "../routing";
import { deltas, type Row, shown, waiting } from "./figures";
import { Hour } from "./hour";
import "./monitoring.css";

type Panel = Schemas["PanelOut"];

/** How often a panel is read while it is looked at. */
const EVERY_MS = 5000;

export default function Monitoring() {
  const panels = useResource(() => answered(client.GET("/monitoring")));
  const name = place.value.query.get("panel") ?? "locks";
  const panel = panels.value?.data.find((known) => known.name === name);
  return (
    <>
      <h1>Monitoring</h1>
      {panels.error && <Failure error={panels.error} retry={panels.reload} />}
      {panels.value && (
        <>
          <Hour />
          <nav class="tabs" aria-label="Panels">
            {panels.value.data.map((known) => (
              <a
                key={known.name}
                href={link("monitoring", { panel: known.name })}
                title={known.what}
                aria-current={known.name === name ? "page" : undefined}
              >
                {known.title}
              </a>
            ))}
          </nav>
          {panel ? <Opened panel={panel} key={panel.name} /> : <p>There is no panel of this name.</p>}
        </>
      )}
    </>
  );
}

function Opened({ panel }: { panel: Panel }) {
  const paused = place.value.query.get("paused") === "yes";
  const path = { name: panel.name };
  const { value, error, reload } = useResource(
    () => answered(client.GET("/monitoring/panels/{name}", { params: { path } })),
    [panel.name],
    paused ? null : EVERY_MS,
  );
  const rows = value?.data ?? null;
  const first = useRef<Row[] | null>(null);
  first.current ??= rows;
  const displayed = rows && panel.name === "statements" ? deltas(rows, first.current ?? [], "total_ms") : rows;
  return (
    <section aria-labelledby="panel">
      <div class="row">
        <h2 id="panel">{panel.title}</h2>
        <span class="quiet">{panel.what}</span>
        <label>
          <input
            type="checkbox"
            checked={paused}
            onChange={(event) => change({ paused: event.currentTarget.checked ? "yes" : null })}
          />{" "}
          Hold still
        </label>
      </div>
      {error && <Failure error={error} retry={reload} />}
      {displayed === null ? (
        !error && <p class="quiet">Asking…</p>
      ) : displayed.length === 0 ? (
        <p class="good">✓ {EMPTY[panel.name] ?? "Nothing."}</p>
      ) : (
        <Rows rows={displayed} panel={panel} reload={reload} />
      )}
      <Same ways={{ sql: `SELECT * FROM ${panel.function}();`, http: `GET /api/v1/monitoring/panels/${panel.name}` }} />
    </section>
  );
}

const EMPTY: Record<string, string> = {
  locks: "Nobody waits for a lock.",
  sessions: "No other client is connected.",
  xmin: "Nothing holds VACUUM up.",
  replication: "No standby is connected.",
  slots: "There is no replication slot.",
  channels: "No stakeholder has a channel.",
  statements:
    "No statements. They need shared_preload_libraries = pg_stat_statements, and CREATE EXTENSION pg_stat_statements.",
};
/** What is drawn in another way than as a column. */
const HIDDEN = new Set(["depth", "path"]);

function Rows({ rows, panel, reload }: { rows: Row[]; panel: Panel; reload: () => void }) {
  const columns = Object.keys(rows[0] ?? {}).filter((column) => !HIDDEN.has(column));
  const canEnd = (panel.name === "locks" || panel.name === "sessions") && session.value?.root;
  return (
    <Scroll label={panel.title}>
      <table class="panel">
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column}>{column.replaceAll("_", " ")}</th>
            ))}
            {canEnd && <th>End</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={keyOf(row, index)} class={waiting(row) ? "warn" : ""}>
              {columns.map((column, place) => (
                <td
                  key={column}
                  class={typeof row[column] === "number" ? "number" : ""}
                  style={
                    place === 0 && Number(row.depth) > 0 ? { paddingLeft: `${Number(row.depth) * 1.5 + 0.6}rem` } : {}
                  }
                >
                  {place === 0 && Number(row.depth) > 0 && "↳ "}
                  {column === "query" ? (
                    <code class="statement">{shown(row.query, column)}</code>
                  ) : (
                    shown(row[column], column === "value" ? String(row.unit) : column)
                  )}
                </td>
              ))}
              {canEnd && (
                <td>{row.pid === 0 ? "ROLLBACK PREPARED ends it." : <End pid={Number(row.pid)} reload={reload} />}</td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** A session may wait for two others, and roles share statements. */
function keyOf(row: Row, index: number): string {
  const known = row.path ?? row.pid ?? row.query_id ?? row.fact;
  return known === undefined ? String(index) : `${known} ${row.role} ${row.name}`;
}

/** Cancels a statement or ends a session, after a second click that says which. */
function End({ pid, reload }: { pid: number; reload: () => void }) {
  const [asked, setAsked] = useState(false);
  const [said, setSaid] = useState<string | null>(null);
  const { error, run } = useAction();
  async function end(terminate: boolean) {
    setSaid(null);
    await run(async () => {
      const { data } = await answered(client.POST("/monitoring/cancel", { body: { data: { pid, terminate } } }));
      setSaid(`${terminate ? "ended" : "cancelled"}: ${data.session}`);
      reload();
    });
    setAsked(false);
  }
  if (!asked) {
    return (
      <>
        {(error ?? said) && <span role="status">{error?.message ?? said} </span>}
        <button type="button" aria-label={`End ${pid}…`} onClick={() => setAsked(true)}>
          …
        </button>
      </>
    );
  }
  return (
    <div class="row">
      <button type="button" class="danger" onClick={() => void end(false)}>
        Cancel the statement of {pid}
      </button>
      <button type="button" class="danger" onClick={() => void end(true)}>
        End session {pid}
      </button>
      <button type="button" onClick={() => setAsked(false)}>
        Keep
      </button>
    </div>
  );
}
