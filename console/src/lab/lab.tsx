// The migration lab: runs statements, says who would be hurt, and rolls them back.

import { useEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../api/action";
import { type ApiError, answered, client, session } from "../api/client";
import { databaseMap, loadMap } from "../api/map";
import { UnmetClaims } from "../home/unmet";
import { marks } from "../map/marks";
import { Copy } from "../parts/copy";
import { Editor, useDraft } from "../parts/editor";
import { Failure } from "../parts/failure";
import { literal } from "../parts/quoting";
import { Same } from "../parts/same";
import { change, link, place } from "../routing";
import { marksOf } from "./marks";
import { markdown, refusing, type UnmetClaim } from "./report";

/** What fits in an address that every browser and proxy takes. */
const MAX_SHARED = 4000;
const EXAMPLE = "ALTER TABLE shop.orders RENAME COLUMN total TO total_amount;";

interface Result {
  sql: string;
  unmet: UnmetClaim[];
}

export default function Lab() {
  const shared = place.value.query.get("sql") ?? "";
  const draft = useDraft(shared);
  const sql = draft.text;
  const { busy, error, run } = useAction();
  const [result, setResult] = useState<Result | null>(null);

  useEffect(() => void loadMap(), []);
  // The statements whose address this view has put there itself.
  const own = useRef(shared);
  useEffect(() => {
    if (shared !== "" && shared !== own.current) draft.set(shared);
    own.current = shared;
  }, [shared]);

  async function preview() {
    if (sql.trim() === "") return;
    const succeeded = await run(async () => {
      const { data } = await answered(client.POST("/preview", { body: { data: sql } }));
      setResult({ sql, unmet: data });
      own.current = sql.length <= MAX_SHARED ? sql : "";
      change({ sql: own.current || null });
    });
    if (!succeeded) setResult(null);
  }

  const names = Object.fromEntries(
    (databaseMap.value?.relations ?? []).map((relation) => [relation.path, relation.columns.map(({ name }) => name)]),
  );

  return (
    <>
      <h1>Migration lab</h1>
      <p>
        Paste a migration. It is run and rolled back: nothing changes. You see who would be hurt, and the way out.{" "}
        {!session.value?.root && (
          <strong>Only the root user previews here. The owner of the tables runs integratedb preview.</strong>
        )}
      </p>
      <Editor
        key={databaseMap.value ? "with names" : "without names"}
        language="sql"
        label="Statements of the migration"
        hint={EXAMPLE}
        draft={draft}
        names={names}
        onSubmit={() => void preview()}
      />
      <div class="row actions">
        <button type="button" class="main" disabled={busy || sql.trim() === ""} onClick={() => void preview()}>
          {busy ? "Running…" : "Try it"}
        </button>
        <span class="quiet">
          <kbd>Ctrl Enter</kbd>
        </span>
        <label>
          Or a file:{" "}
          <input
            type="file"
            accept=".sql,text/plain"
            onChange={(event) => {
              const [file] = event.currentTarget.files ?? [];
              if (file) void file.text().then(draft.set);
            }}
          />
        </label>
      </div>
      <div aria-live="polite">
        {error && <Refused error={error} />}
        {result && <Verdict result={result} />}
      </div>
      <Same
        why="A migration tool gets the same answer at COMMIT, as the error IDB01."
        ways={{
          sql: `SELECT * FROM integratedb_preview_migration(${literal(sql || EXAMPLE)});`,
          http: `POST /api/v1/preview\n${JSON.stringify({ data: sql || EXAMPLE })}`,
          cli: "integratedb preview migration.sql",
        }}
      />
    </>
  );
}

function Refused({ error }: { error: ApiError }) {
  return (
    <>
      <h2 class="bad">{error.status === 422 ? "These statements do not run" : "The preview was not run"}</h2>
      <Failure error={error} />
      {error.status === 404 && (
        <p class="quiet">
          Start the service with <code>integratedb serve --preview-dsn CONNINFO</code>, the login that migrations use.
        </p>
      )}
    </>
  );
}

function Verdict({ result }: { result: Result }) {
  const { unmet, sql } = result;
  const refused = refusing(unmet);
  const hurt = [...new Set(refused.map((claim) => claim.stakeholder))];
  return (
    <section aria-labelledby="verdict">
      <h2 id="verdict" class={refused.length === 0 ? "good" : "bad"}>
        {unmet.length === 0
          ? "✓ This migration breaks no claim"
          : refused.length === 0
            ? "✓ This migration passes: what it breaks is waived, or was announced"
            : `✗ This migration would be refused: it hurts ${hurt.join(", ")}`}
      </h2>
      {unmet.length > 0 && <UnmetClaims claims={unmet} />}
      <div class="row">
        <Copy text={markdown(sql, unmet)} label="Copy as a comment for a pull request" />
        {unmet.length > 0 && (
          <a
            href={link("map", { table: unmet[0]?.problems[0]?.path ?? unmet[0]?.path })}
            onClick={() => {
              marks.value = marksOf(unmet);
            }}
          >
            Show on the map
          </a>
        )}
        {sql.length <= MAX_SHARED && <a href={link("lab", { sql })}>Link to this preview</a>}
      </div>
    </section>
  );
}
