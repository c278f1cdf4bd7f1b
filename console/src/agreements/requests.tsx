// Requests: specifications that wait until those who may grant them approve.

import { useAction } from "../api/action";
import { answered, client, type Schemas, session } from "../api/client";
import { useResource } from "../api/resource";
import { Failure } from "../parts/failure";
import { Form } from "../parts/form";
import { ago } from "../parts/format";
import { Same } from "../parts/same";
import { Shown } from "../parts/shown";
import { change, place } from "../routing";
import { idOf, namesOf, type Props } from "./agreements";

type Request = Schemas["RequestOut"];

const STATES = ["open", "approved", "rejected", "withdrawn", "all"] as const;
type State = (typeof STATES)[number];

export function Requests({ stakeholders }: Props) {
  const asked = place.value.query.get("state");
  const state: State = STATES.find((known) => known === asked) ?? "open";
  const list = useResource(() => answered(client.GET("/requests", { params: { query: { state } } })), [state]);
  return (
    <>
      <label>
        Show{" "}
        <select value={state} onChange={(event) => change({ state: event.currentTarget.value })}>
          {STATES.map((known) => (
            <option key={known}>{known}</option>
          ))}
        </select>
      </label>
      <Shown of={list}>
        {({ data }) =>
          data.length === 0 ? (
            <p class="empty">{state === "open" ? "Nobody waits for an approval." : "There is none."}</p>
          ) : (
            <>
              {data.map((request) => (
                <One key={request.id} request={request} reload={list.reload} />
              ))}
            </>
          )
        }
      </Shown>
      <h2>Ask for claims</h2>
      <p class="quiet">The owners of the tables approve it. Nothing is granted until then.</p>
      <Form
        name="Ask for claims"
        action="Ask"
        fields={[
          { name: "stakeholder", label: "For", options: namesOf(stakeholders) },
          { name: "path", label: "Table", placeholder: "shop.orders" },
          { name: "fields", label: "Columns", placeholder: "id, total" },
          { name: "reason", label: "Why", placeholder: "the weekly report", optional: true },
        ]}
        send={async ({ stakeholder, path = "", fields = "", reason }) => {
          const id = idOf(stakeholders, stakeholder);
          const wanted = { path, fields: fields.split(",").map((field) => field.trim()) };
          const params = { path: { id } };
          // A request replaces all claims, so what is in force is part of it.
          const { data: claims } = await answered(client.GET("/stakeholders/{id}/claims", { params }));
          const specification = { match: [...claims.match, wanted] };
          await answered(
            client.POST("/stakeholders/{id}/requests", {
              params,
              body: { data: { kind: "claims", specification, reason: reason ?? null } },
            }),
          );
          list.reload();
        }}
      />
      <Same
        ways={{
          sql: "SELECT * FROM integratedb_requests();",
          http: "GET /api/v1/requests",
          cli: "integratedb request list",
        }}
      />
    </>
  );
}

function One({ request, reload }: { request: Request; reload: () => void }) {
  const { busy, error, run } = useAction();
  const params = { path: { id: request.id } };
  const act = (action: () => Promise<unknown>) => run(action).then((succeeded) => succeeded && reload());
  return (
    <article class="card" aria-label={`Request ${request.id} of ${request.stakeholder}`}>
      <h2>
        {request.stakeholder} asks for {request.kind} <span class="tag">{request.status}</span>
      </h2>
      <p>
        {request.reason ?? "No reason was given."}{" "}
        <span class="quiet">
          {request.requested_by}, {ago(request.requested_at)}
        </span>
      </p>
      <Matches title="Adds" matches={request.added} />
      <Matches title="Gives up" matches={request.removed} />
      {request.approved_by.length > 0 && <p>Approved by {request.approved_by.join(", ")}.</p>}
      {request.missing && Object.keys(request.missing).length > 0 && (
        <ul>
          {Object.entries(request.missing).map(([what, who]) => (
            <li key={what}>
              <code>{what}</code> waits for {who}
            </li>
          ))}
        </ul>
      )}
      {request.note && <p>Note: {request.note}</p>}
      {request.status === "open" && (
        <>
          <div class="row">
            {session.value?.everything && (
              <button
                type="button"
                class="main"
                disabled={busy}
                onClick={() =>
                  void act(() => answered(client.POST("/requests/{id}/approve", { params, body: { data: {} } })))
                }
              >
                Approve
              </button>
            )}
            <button
              type="button"
              disabled={busy}
              onClick={() => void act(() => answered(client.POST("/requests/{id}/withdraw", { params })))}
            >
              Withdraw
            </button>
          </div>
          {error && <Failure error={error} />}
          {session.value?.everything && (
            <Form
              name={`Reject request ${request.id}`}
              action="Reject"
              danger
              fields={[{ name: "note", label: "What to do instead", placeholder: "read shop.sales" }]}
              send={async ({ note = "" }) => {
                await answered(client.POST("/requests/{id}/reject", { params, body: { data: { note } } }));
                reload();
              }}
            />
          )}
        </>
      )}
    </article>
  );
}

function Matches({ title, matches }: { title: string; matches: readonly Record<string, unknown>[] }) {
  if (matches.length === 0) return null;
  return (
    <p>
      {title}{" "}
      {matches.map((match) => (
        <code key={JSON.stringify(match)}>{JSON.stringify(match)} </code>
      ))}
    </p>
  );
}
