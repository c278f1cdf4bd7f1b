// The workbench: one query in four faces, its plan and its rows.

import { useEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../api/action";
import { answered, client, type Schemas, session } from "../api/client";
import { asApiError, useResource } from "../api/resource";
import { allStakeholders, type Stakeholder } from "../api/stakeholders";
import { Failed } from "../parts/failed";
import { Failure } from "../parts/failure";
import { literal } from "../parts/quoting";
import { Same } from "../parts/same";
import { Shown } from "../parts/shown";
import { change, link, place } from "../routing";
import { Chart, Json, type Row, Table } from "./answer";
import { type Face, Faces, isFace, type Translation } from "./faces";
import { planOf } from "./plan";
import { Plan } from "./plan-picture";
import { firstTable } from "./start";
import { explaining, running } from "./statement";
import "./workbench.css";

/** What fits in an address that every browser and proxy takes. */
const MAX_SHARED = 4000;
/** Typing goes on for so long without a question to the service. */
const PAUSE_MS = 250;
const SHAPES = ["table", "json", "chart", "plan"] as const;
type Shape = (typeof SHAPES)[number];
const TITLES: Record<Shape, string> = { table: "Table", json: "JSON", chart: "Chart", plan: "Plan" };

export default function Workbench() {
  const list = useResource(allStakeholders);
  return (
    <>
      <h1>Workbench</h1>
      <p>One query, in the words of each way to ask for it. Type in one; the others follow.</p>
      <Shown of={list}>
        {(stakeholders) =>
          stakeholders.length === 0 ? (
            <p class="empty">
              A query asks with the names of a stakeholder's claims. <a href={link("stakeholders")}>Create one</a>{" "}
              first.
            </p>
          ) : (
            <Chosen stakeholders={stakeholders} />
          )
        }
      </Shown>
    </>
  );
}

function Chosen({ stakeholders }: { stakeholders: Stakeholder[] }) {
  const asked = place.value.query.get("stakeholder");
  const chosen =
    stakeholders.find(({ name }) => name === asked) ??
    stakeholders.find(({ claims }) => claims > 0) ??
    (stakeholders[0] as Stakeholder);
  return (
    <>
      <label>
        As{" "}
        <select
          value={chosen.name}
          onChange={(event) => change({ stakeholder: event.currentTarget.value, face: null, query: null })}
        >
          {stakeholders.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <Query stakeholder={chosen} key={chosen.id} />
    </>
  );
}

function Query({ stakeholder }: { stakeholder: Stakeholder }) {
  const { query } = place.value;
  const given = query.get("face");
  const [face, setFace] = useState<Face>(isFace(given) ? given : "url");
  const [text, setText] = useState(query.get("query") ?? "");
  const [translation, setTranslation] = useState<Translation | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const turn = useRef(0);
  const touched = useRef(text !== "");

  useEffect(() => {
    if (touched.current) return;
    const params = { path: { id: stakeholder.id } };
    answered(client.GET("/stakeholders/{id}/claims", { params })).then(
      ({ data }) => {
        if (!touched.current) setText(firstTable(data) ?? "");
      },
      () => undefined, // there is just no example then
    );
  }, [stakeholder.id]);

  useEffect(() => {
    turn.current += 1;
    const own = turn.current;
    if (text.trim() === "") {
      setTranslation(null);
      setProblem(null);
      return;
    }
    const timer = window.setTimeout(() => {
      const body = { data: { face, query: text } };
      answered(client.POST("/stakeholders/{id}/translate", { params: { path: { id: stakeholder.id } }, body })).then(
        ({ data }) => {
          if (own !== turn.current) return;
          setTranslation(data);
          setProblem(null);
        },
        (error: unknown) => {
          if (own !== turn.current) return;
          setTranslation(null);
          setProblem(asApiError(error).message);
        },
      );
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [stakeholder.id, face, text]);

  function edit(changed: Face, value: string) {
    touched.current = true;
    setFace(changed);
    setText(value);
    const isShared = value.length <= MAX_SHARED && value !== "";
    change({ stakeholder: stakeholder.name, face: isShared ? changed : null, query: isShared ? value : null });
  }

  const run = useRef<() => void>(() => undefined);
  return (
    <>
      <Faces {...{ face, text, translation, problem, edit }} submit={() => run.current()} />
      <Answer translation={translation} run={run} />
      <Same
        why="The data API answers the URL, the document and the data to a program; no SQL is in a request."
        ways={{
          sql: `SELECT * FROM integratedb_translate(${literal(face)}, ${literal(text)});`,
          http: `POST /api/v1/stakeholders/${stakeholder.id}/translate\n${JSON.stringify({ data: { face, query: text } })}`,
          ...(translation?.url.text && {
            cli: `curl -H "Authorization: Bearer $TOKEN" 'http://127.0.0.1:3000${translation.url.text.split("\n")[0]}'`,
          }),
        }}
      />
    </>
  );
}

function Answer({ translation, run }: { translation: Translation | null; run: { current: () => void } }) {
  const action = useAction();
  const [rows, setRows] = useState<Row[] | null>(null);
  const [plan, setPlan] = useState<string[] | null>(null);
  const [failed, setFailed] = useState<Schemas["Failed"] | null>(null);
  const asked = place.value.query.get("as");
  const shape = SHAPES.find((known) => known === asked) ?? "table";

  async function tried(sql: string): Promise<string[]> {
    const { data } = await answered(client.POST("/try", { body: { data: sql } }));
    setFailed(data.error);
    const last = data.results.at(-1);
    if (data.error || !last) throw new Stopped();
    if (last.more > 0) throw new Error("The answer is too long to be shown here. Ask for fewer rows: limit=10.");
    return last.rows.map(([value]) => value ?? "");
  }

  run.current = () => {
    if (!translation || !session.value?.root) return;
    void action.run(async () => {
      try {
        const pieces = await tried(running(translation.sql));
        const body: unknown = JSON.parse(pieces.join("") || "[]");
        setRows(Array.isArray(body) ? body : [body as Row]);
        setPlan(await tried(explaining(translation.sql)));
      } catch (problem) {
        setRows(null);
        setPlan(null);
        if (!(problem instanceof Stopped)) throw problem;
      }
    });
  };

  if (!session.value?.root) {
    return (
      <p class="quiet">
        Only the root user runs queries here. A program asks the data API, with the stakeholder's password.
      </p>
    );
  }
  const root = plan && planOf(plan);
  return (
    <section aria-label="Answer">
      <div class="row actions">
        <button type="button" class="main" disabled={action.busy || !translation} onClick={() => run.current()}>
          {action.busy ? "Running…" : "Run"}
        </button>
        <span class="quiet">
          <kbd>Ctrl Enter</kbd> It runs as the login that migrations use, whose rows may be others than the
          stakeholder's, and is rolled back.
        </span>
      </div>
      <div aria-live="polite">
        {action.error && <Failure error={action.error} />}
        {failed && <Failed error={failed} />}
      </div>
      {rows && (
        <>
          <nav class="tabs" aria-label="Ways to see the answer">
            {SHAPES.map((known) => (
              <button
                key={known}
                type="button"
                aria-pressed={known === shape}
                onClick={() => change({ as: known === "table" ? null : known })}
              >
                {TITLES[known]}
              </button>
            ))}
          </nav>
          {shape === "table" && <Table rows={rows} />}
          {shape === "json" && <Json rows={rows} />}
          {shape === "chart" && <Chart rows={rows} key={JSON.stringify(Object.keys(rows[0] ?? {}))} />}
          {shape === "plan" && (root ? <Plan root={root} /> : <p class="quiet">There is no plan.</p>)}
        </>
      )}
    </section>
  );
}

/** A trial that ended with an error of the database, which is shown by itself. */
class Stopped extends Error {}
