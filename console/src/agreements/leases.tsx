// Leases: temporary logins that act as a stakeholder.

import { useState } from "preact/hooks";
import { useAction } from "../api/action";
import { answered, client, type Schemas } from "../api/client";
import { useResource } from "../api/resource";
import { Failure } from "../parts/failure";
import { Form } from "../parts/form";
import { duration } from "../parts/format";
import { Once } from "../parts/once";
import { Same } from "../parts/same";
import { Scroll } from "../parts/scroll";
import { Shown } from "../parts/shown";
import { idOf, namesOf, type Props } from "./agreements";

export function Leases({ stakeholders }: Props) {
  const list = useResource(() => answered(client.GET("/leases")));
  const [made, setMade] = useState<Schemas["Credentials"] | null>(null);
  const { error, run } = useAction();
  const then = (succeeded: boolean) => succeeded && list.reload();
  const renew = (id: number) =>
    run(() =>
      answered(client.POST("/leases/{id}/renew", { params: { path: { id } }, body: { data: { ttl_seconds: 3600 } } })),
    ).then(then);
  const revoke = (id: number) =>
    run(() => answered(client.DELETE("/leases/{id}", { params: { path: { id } } }))).then(then);
  return (
    <>
      <Shown of={list}>
        {({ data }) =>
          data.length === 0 ? (
            <p class="empty">Nobody has a temporary login.</p>
          ) : (
            <Scroll label="Leases">
              <table>
                <thead>
                  <tr>
                    <th>Login</th>
                    <th>Acts as</th>
                    <th>What for</th>
                    <th>Leased by</th>
                    <th>Ends in</th>
                    <th class="number">Sessions</th>
                    <th>Actions</th>
                  </tr>
                </thead>
                <tbody>
                  {data.map((lease) => (
                    <tr key={lease.id}>
                      <td>
                        <code>{lease.username}</code>
                      </td>
                      <td>{lease.stakeholder}</td>
                      <td>{lease.note ?? ""}</td>
                      <td>{lease.leased_by}</td>
                      <td>{duration(Math.max(0, (Date.parse(lease.valid_until) - Date.now()) / 1000))}</td>
                      <td class="number">{lease.sessions}</td>
                      <td class="row">
                        <button type="button" onClick={() => void renew(lease.id)}>
                          An hour from now
                        </button>
                        <button type="button" class="danger" onClick={() => void revoke(lease.id)}>
                          Revoke
                        </button>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          )
        }
      </Shown>
      {error && <Failure error={error} />}
      <h2>Lend a login</h2>
      <p class="quiet">Who has it can do what the stakeholder can do. It ends by itself, and leaves nothing behind.</p>
      <Form
        name="Lend a login"
        action="Lend"
        fields={[
          { name: "stakeholder", label: "Of", options: namesOf(stakeholders) },
          { name: "minutes", label: "Minutes", type: "number", value: "60" },
          { name: "note", label: "What for", placeholder: "job 17", optional: true },
        ]}
        send={async ({ stakeholder, minutes = "60", note }) => {
          const params = { path: { id: idOf(stakeholders, stakeholder) } };
          const data = { ttl_seconds: Number(minutes) * 60, note: note ?? null };
          const answer = await answered(client.POST("/stakeholders/{id}/leases", { params, body: { data } }));
          setMade(answer.data.credentials);
          list.reload();
        }}
      />
      {made && <Once login={made} />}
      <Same
        ways={{
          sql: "SELECT * FROM integratedb_lease('reporter', '1 hour', note => 'job 17');",
          http: "GET /api/v1/leases",
          cli: "integratedb lease reporter -- psql",
        }}
      />
    </>
  );
}
