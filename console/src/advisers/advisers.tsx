// What the advisers have found: a sentence, its evidence, and the statement that cures it; a finding can be muted.

import { useState } from "preact/hooks";
import { useAction } from "../api/action";
import { answered, client, type Schemas } from "../api/client";
import { useResource } from "../api/resource";
import { Copy } from "../parts/copy";
import { Failure } from "../parts/failure";
import { literal } from "../parts/quoting";
import { Same } from "../parts/same";
import { change, link, place } from "../routing";
import "./advisers.css";

type Finding = Schemas["Finding"];
type Adviser = Schemas["Adviser"];

const LEVELS = ["ERROR", "WARN", "INFO"] as const;
const WORDS = { ERROR: "Wrong", WARN: "Risky", INFO: "Could be better" };
const COLOURS = { ERROR: "bad", WARN: "warn", INFO: "quiet" };

/** What runs outside of transactions only, and so cannot be tried. */
const OUTSIDE = /\b(ALTER SYSTEM|VACUUM|CONCURRENTLY|pg_drop_replication_slot|pg_terminate_backend)\b/i;

export default function Advisers() {
  const { query } = place.value;
  const muted = query.get("muted") === "yes";
  const level = query.get("level");
  const category = query.get("category");
  const findings = useResource(() => answered(client.GET("/advice", { params: { query: { muted } } })), [muted]);
  const advisers = useResource(() => answered(client.GET("/advice/advisers")));

  const all = findings.value?.data ?? [];
  const categories = [...new Set(all.flatMap((finding) => finding.categories))].sort();
  const shown = all.filter(
    (finding) =>
      (level === null || finding.level === level) && (category === null || finding.categories.includes(category)),
  );
  return (
    <>
      <h1>Advisers</h1>
      <p>
        They read catalogs, statistics and contracts, and no row of a table. Each finding says what is the matter, how
        one sees it, and what cures it.
      </p>
      {findings.error && <Failure error={findings.error} retry={findings.reload} />}
      {findings.loading && !findings.value && <p class="quiet">The advisers are looking…</p>}
      {findings.value && (
        <>
          <div class="row filters">
            <label>
              Level{" "}
              <select value={level ?? ""} onChange={(event) => change({ level: event.currentTarget.value || null })}>
                <option value="">all ({all.length})</option>
                {LEVELS.map((known) => (
                  <option key={known} value={known}>
                    {WORDS[known]} ({all.filter((finding) => finding.level === known).length})
                  </option>
                ))}
              </select>
            </label>
            <label>
              About{" "}
              <select
                value={category ?? ""}
                onChange={(event) => change({ category: event.currentTarget.value || null })}
              >
                <option value="">everything</option>
                {categories.map((known) => (
                  <option key={known} value={known}>
                    {known.toLowerCase()}
                  </option>
                ))}
              </select>
            </label>
            <label>
              <input
                type="checkbox"
                checked={muted}
                onChange={(event) => change({ muted: event.currentTarget.checked ? "yes" : null })}
              />{" "}
              Show muted
            </label>
          </div>
          {shown.length === 0 ? (
            <p class="good">✓ {all.length === 0 ? "The advisers have found nothing." : "Nothing of this kind."}</p>
          ) : (
            <ul class="findings">
              {shown.map((finding) => (
                <One key={finding.cache_key} finding={finding} reload={findings.reload} />
              ))}
            </ul>
          )}
        </>
      )}
      <Same
        ways={{
          sql: `SELECT * FROM integratedb_advice(${muted ? "with_muted => true" : ""});`,
          http: `GET /api/v1/advice${muted ? "?muted=true" : ""}`,
          cli: `integratedb advice${muted ? " --muted" : ""}`,
        }}
      />
      {advisers.value && <Known advisers={advisers.value.data} />}
    </>
  );
}

function One({ finding, reload }: { finding: Finding; reload: () => void }) {
  const [muting, setMuting] = useState(false);
  const { error, run } = useAction();

  async function act(action: () => Promise<unknown>) {
    if (!(await run(action))) return;
    setMuting(false);
    reload();
  }
  const { remediation, cache_key } = finding;
  return (
    <li>
      <h2>
        <span class={COLOURS[finding.level]}>{WORDS[finding.level]}</span> {finding.title}
        {finding.muted && <span class="tag">muted: {finding.muted.reason}</span>}
      </h2>
      <p>{finding.detail}</p>
      <details>
        <summary>Why it matters</summary>
        <p>{finding.description}</p>
        <p class="quiet">
          {finding.facing.toLowerCase()} can act. <code>{cache_key}</code>
        </p>
      </details>
      {remediation && <pre>{remediation}</pre>}
      <div class="row">
        {remediation && (
          <>
            <Copy text={remediation} />
            {!OUTSIDE.test(remediation) && <a href={link("lab", { sql: remediation })}>Try it in the lab</a>}
          </>
        )}
        {finding.muted ? (
          <button
            type="button"
            onClick={() =>
              void act(() => answered(client.DELETE("/advice/mutes", { params: { query: { cache_key } } })))
            }
          >
            Show again
          </button>
        ) : (
          <button type="button" aria-expanded={muting} onClick={() => setMuting(!muting)}>
            Mute…
          </button>
        )}
      </div>
      {muting && !finding.muted && (
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            const reason = String(new FormData(event.currentTarget).get("reason"));
            const body = { data: { cache_key, reason } };
            void act(() => answered(client.POST("/advice/mutes", { body })));
          }}
        >
          <label>
            Why it stays as it is{" "}
            <input name="reason" required maxLength={2000} autofocus placeholder="we drop this table in June" />
          </label>
          <button type="submit">Mute</button>
          <Same
            ways={{
              sql: `SELECT integratedb_mute_advice(${literal(cache_key)}, 'the reason');`,
              http: "POST /api/v1/advice/mutes",
            }}
          />
        </form>
      )}
      {error && <Failure error={error} />}
    </li>
  );
}

function Known({ advisers }: { advisers: Adviser[] }) {
  return (
    <details class="known">
      <summary>The {advisers.length} advisers, and how to add your own</summary>
      <p>
        A view in schema <code>integratedb_advisers</code> with the same columns is an adviser too.{" "}
        <a href={link("learn", {}, "advice")}>How to write one</a>
      </p>
      <dl>
        {advisers.map((adviser) => (
          <div key={adviser.name}>
            <dt>
              {adviser.title} <span class="quiet">{adviser.name}</span>
            </dt>
            <dd>{adviser.description}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
