// Edits the claims or notifications of a stakeholder, as YAML or JSON, with faults where they are.

import { useEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../api/action";
import { answered, client, type Schemas } from "../api/client";
import { databaseMap } from "../api/map";
import { asApiError, useResource } from "../api/resource";
import type { Diagnostic } from "../parts/codemirror";
import { Editor, useDraft } from "../parts/editor";
import { Failure } from "../parts/failure";
import { literal, word } from "../parts/quoting";
import { Same } from "../parts/same";
import { complete } from "./completion";
import { asJson, asYaml, read } from "./document";
import type { Stakeholder } from "./stakeholders";

type Kind = "claims" | "notifications";
/** What the service takes; whether it is well formed, the database says. */
type Body = Schemas["SpecificationBody"];

const HINT = "match:\n  - path: shop.orders\n    fields: [id, status]\n";

async function load(id: number, kind: Kind): Promise<Record<string, unknown>> {
  const params = { path: { id } };
  const sent =
    kind === "claims"
      ? client.GET("/stakeholders/{id}/claims", { params })
      : client.GET("/stakeholders/{id}/notifications", { params });
  const { type: _, ...document } = (await answered(sent)).data;
  return document;
}

async function store(id: number, kind: Kind, data: Body["data"]): Promise<void> {
  const sent = { params: { path: { id } }, body: { data } };
  await answered(
    kind === "claims"
      ? client.PUT("/stakeholders/{id}/claims", sent)
      : client.PUT("/stakeholders/{id}/notifications", sent),
  );
}

/** Asks the database what is wrong, once the text is a document at all. */
async function faults(id: number, kind: Kind, text: string): Promise<Diagnostic[]> {
  if (text.trim() === "") return [];
  const document = read(text);
  const own = document.faults.map(({ message, place }) => ({ ...place, message, severity: "error" as const }));
  if (own.length > 0) return own;
  const { value } = document;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return [{ ...document.at("#"), message: "A specification is an object with the key match.", severity: "error" }];
  }
  try {
    const sent = { params: { path: { id, kind } }, body: { data: value as Body["data"] } };
    const { data } = await answered(client.POST("/stakeholders/{id}/{kind}/check", sent));
    return data.map((problem) => ({
      ...(problem.pointer === null ? document.named(problem.path, problem.field) : document.at(problem.pointer)),
      message: problem.message,
      severity: "error" as const,
    }));
  } catch (problem) {
    return [{ ...document.at("#"), message: asApiError(problem).message, severity: "warning" }];
  }
}

export function Specification({ stakeholder: { id, name }, kind }: { stakeholder: Stakeholder; kind: Kind }) {
  const stored = useResource(() => load(id, kind), [id, kind]);
  const draft = useDraft("");
  const { text } = draft;
  const [saved, setSaved] = useState(false);
  const { busy, error, run } = useAction();
  // What stands in the database, as the editor last had it: whoever has changed it since keeps the change.
  const shown = useRef("");
  useEffect(() => {
    if (!stored.value || text !== shown.current) return;
    shown.current = asYaml(stored.value);
    draft.set(shown.current);
  }, [stored.value]);

  if (stored.error) return <Failure error={stored.error} retry={stored.reload} />;
  if (stored.value === undefined) return <p class="quiet">Loading…</p>;
  const before = asYaml(stored.value);
  const { value } = read(text);
  const canSubmit = !busy && value !== null && text !== before;

  async function submit() {
    if (!canSubmit) return;
    setSaved(false);
    const succeeded = await run(() => store(id, kind, value as Body["data"]));
    if (!succeeded) return;
    shown.current = text;
    setSaved(true);
    stored.reload();
  }

  const sqlFunction = kind === "claims" ? "integratedb_claim" : "integratedb_notify";
  return (
    <>
      <p>
        {kind === "claims"
          ? `${name} may read exactly what it claims, and no migration may take it away.`
          : `${name} is told of changes of these rows.`}
      </p>
      <Editor
        language="yaml"
        label={`${kind} of ${name}`}
        hint={HINT}
        draft={draft}
        onSubmit={() => void submit()}
        complete={(context) => complete(context, databaseMap.value?.relations ?? [])}
        lint={(written) => faults(id, kind, written)}
      />
      <div class="row actions">
        <button type="button" class="main" disabled={!canSubmit} onClick={() => void submit()}>
          {busy ? "Submitting…" : `Submit the ${kind}`}
        </button>
        <button type="button" disabled={text === before} onClick={() => draft.set(before)}>
          Undo the changes
        </button>
        <button type="button" disabled={value === null} onClick={() => draft.set(asYaml(value))}>
          As YAML
        </button>
        <button type="button" disabled={value === null} onClick={() => draft.set(asJson(value))}>
          As JSON
        </button>
        {saved && text === before && (
          <span class="good" role="status">
            ✓ In force
          </span>
        )}
      </div>
      {error && <Failure error={error} />}
      <Same
        why="A contract in a repository says the same: integratedb plan shows the difference, and integratedb apply submits it."
        ways={{
          sql: `SELECT ${sqlFunction}(${literal(name)}, ${literal(JSON.stringify(value))});`,
          http: `PUT /api/v1/stakeholders/${id}/${kind}\n${JSON.stringify({ data: value })}`,
          cli: `integratedb ${kind === "claims" ? "claim" : "notify"} ${word(name)} specification.json`,
        }}
      />
    </>
  );
}
