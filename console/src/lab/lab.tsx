// The migration lab: runs statements, says who would be hurt, and rolls them back.

import { useEffect, useState } from "preact/hooks";
import { type ApiError, answered, client, session } from "../api/client";
import { databaseMap, loadMap } from "../api/map";
import { asApiError } from "../api/resource";
import { UnmetClaims } from "../home/unmet";
import { marks } from "../map/marks";
import { Editor, useDraft } from "../parts/editor";
import { Failure } from "../parts/failure";
import { literal, Same } from "../parts/same";
import { change, link, place } from "../routing";
import { marksOf } from "./marks";
import { markdown, type UnmetClaim } from "./report";

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
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState<Result | null>(null);
  const [error, setError] = useState<ApiError | null>(null);

  useEffect(() => void loadMap(), []);
  useEffect(() => {
    // Another link was followed; a preview puts the address of its own statements there.
    if (shared !== "" && shared !== sql) draft.set(shared);
  }, [shared]);

  async function preview() {
    if (busy || sql.trim() === "") return;
    setBusy(true);
    setError(null);
    try {
      const { data } = await answered(client.POST("/preview", { body: { data: sql } }));
      setResult({ sql, unmet: data });
      change({ sql: sql.length <= MAX_SHARED ? sql : null });
    } catch (problem) {
      setResult(null);
      setError(asApiError(problem));
    } finally {
      setBusy(false);
    }
  }

  const names = Object.fromEntries(
    (databaseMap.value?.relations ?? []).map((relation) => [relation.path, relation.columns.map(({ name }) => name)]),
  );

  return (
    <>
      <h1>Migration lab</h1>
      <p>
        Paste a migration. It is run and rolled back: nothing changes. You see who would be hurt, and the way out.{" "}
        {!session.value?.root && <strong>Only the root user previews.</strong>}
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
      <h2 class="bad">These statements do not run</h2>
      <Failure error={error} />
      {error.status === 404 && (
        <p class="quiet">
          The service previews only with <code>--preview-dsn</code>, the login that migrations use.
        </p>
      )}
    </>
  );
}

function Verdict({ result }: { result: Result }) {
  const { unmet, sql } = result;
  const [copied, setCopied] = useState(false);
  const hurt = [...new Set(unmet.map((claim) => claim.stakeholder))];
  return (
    <section aria-labelledby="verdict">
      <h2 id="verdict" class={unmet.length === 0 ? "good" : "bad"}>
        {unmet.length === 0
          ? "✓ This migration breaks no claim"
          : `✗ This migration would be refused: it hurts ${hurt.join(", ")}`}
      </h2>
      {unmet.length > 0 && <UnmetClaims claims={unmet} />}
      <div class="row">
        <button
          type="button"
          onClick={() => {
            void navigator.clipboard.writeText(markdown(sql, unmet)).then(() => setCopied(true));
          }}
        >
          {copied ? "Copied" : "Copy as a comment for a pull request"}
        </button>
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
        {sql.length <= MAX_SHARED && (
          <a href={`${location.pathname}?${new URLSearchParams({ sql })}`}>Link to this preview</a>
        )}
      </div>
    </section>
  );
}
