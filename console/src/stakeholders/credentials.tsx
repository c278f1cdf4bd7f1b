// Creates, rotates and drops the login of a stakeholder. A password is shown once, and kept nowhere.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useAction } from "../api/action";
import { answered, client, type Schemas } from "../api/client";
import type { Stakeholder } from "../api/stakeholders";
import { Failure } from "../parts/failure";
import { Once } from "../parts/once";
import { literal, word } from "../parts/quoting";
import { Same } from "../parts/same";
import { go, link } from "../routing";

type Login = Schemas["Credentials"];

export function Create({ reload }: { reload: () => void }) {
  const { busy, error, run } = useAction();
  const [made, setMade] = useState<Login | null>(null);
  const [name, setName] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    void run(async () => {
      const { data } = await answered(client.POST("/stakeholders", { body: { stakeholder: { name } } }));
      setMade(data.credentials);
      setName("");
      reload();
    });
  };
  return (
    <section aria-labelledby="create">
      <h2 id="create">Create a stakeholder</h2>
      <form class="row" onSubmit={submit}>
        <label>
          Name{" "}
          <input
            required
            value={name}
            autocomplete="off"
            onInput={(event) => setName(event.currentTarget.value)}
            placeholder="billing"
          />
        </label>
        <button type="submit" class="main" disabled={busy}>
          Create
        </button>
      </form>
      {error && <Failure error={error} />}
      {made && <Once login={made} />}
      <Same
        ways={{
          sql: `SELECT * FROM integratedb_create_stakeholder(${literal(name || "billing")});`,
          http: `POST /api/v1/stakeholders\n${JSON.stringify({ stakeholder: { name: name || "billing" } })}`,
          cli: `integratedb stakeholder add ${word(name || "billing")}`,
        }}
      />
    </section>
  );
}

export function Credentials({ stakeholder: { id, name }, reload }: { stakeholder: Stakeholder; reload: () => void }) {
  const rotation = useAction();
  const removal = useAction();
  const [made, setMade] = useState<Login | null>(null);
  const [kept, setKept] = useState<string[] | null>(null);
  const params = { path: { id } };
  return (
    <>
      <section aria-labelledby="rotate">
        <h2 id="rotate">New password</h2>
        <p>The old password stops working for new sessions. Sessions that are open go on.</p>
        <Confirmed
          word={name}
          action="Set a new password"
          busy={rotation.busy}
          onConfirm={() =>
            rotation.run(async () => {
              const { data } = await answered(client.POST("/stakeholders/{id}/credentials", { params }));
              setMade(data.credentials);
            })
          }
        />
        {rotation.error && <Failure error={rotation.error} />}
        {made && <Once login={made} />}
        <Same
          ways={{
            sql: `SELECT * FROM integratedb_rotate_password(${literal(name)});`,
            http: `POST /api/v1/stakeholders/${id}/credentials`,
            cli: `integratedb stakeholder rotate ${word(name)}`,
          }}
        />
      </section>
      <section aria-labelledby="drop">
        <h2 id="drop">Drop the stakeholder</h2>
        <p>Its claims, grants and login are removed. A private schema with content is kept and archived.</p>
        <Confirmed
          word={name}
          action="Drop it"
          busy={removal.busy}
          onConfirm={() =>
            removal.run(async () => {
              const answer = await answered(client.DELETE("/stakeholders/{id}", { params }));
              if (answer?.data.kept.length) setKept(answer.data.kept);
              else {
                go(link("stakeholders"));
                reload();
              }
            })
          }
        />
        {removal.error && <Failure error={removal.error} />}
        {kept && (
          <div role="status">
            <p>{name} is dropped. This is kept:</p>
            <ul>
              {kept.map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
          </div>
        )}
        <Same
          ways={{
            sql: `SELECT integratedb_drop_stakeholder(${literal(name)});`,
            http: `DELETE /api/v1/stakeholders/${id}`,
            cli: `integratedb stakeholder drop ${word(name)}`,
          }}
        />
      </section>
    </>
  );
}

interface Confirmation {
  word: string;
  action: ComponentChildren;
  busy: boolean;
  onConfirm: () => void;
}

/** A button that wants the name of what it is about to change. */
function Confirmed({ word, action, busy, onConfirm }: Confirmation) {
  const [typed, setTyped] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    if (typed !== word) return;
    setTyped("");
    onConfirm();
  };
  return (
    <form class="row" onSubmit={submit}>
      <label>
        Type <strong>{word}</strong> to confirm{" "}
        <input value={typed} autocomplete="off" onInput={(event) => setTyped(event.currentTarget.value)} />
      </label>
      <button type="submit" class="danger" disabled={busy || typed !== word}>
        {action}
      </button>
    </form>
  );
}
