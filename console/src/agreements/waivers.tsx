// Waivers: dependencies of stakeholders that refuse no migration for a time.

import { useAction } from "../api/action";
import { answered, client } from "../api/client";
import { useResource } from "../api/resource";
import { Failure } from "../parts/failure";
import { Form, moment } from "../parts/form";
import { Same } from "../parts/same";
import { Scroll } from "../parts/scroll";
import { Shown } from "../parts/shown";
import { idOf, left, named, namesOf, type Props } from "./agreements";

export function Waivers({ stakeholders }: Props) {
  const list = useResource(() => answered(client.GET("/waivers")));
  const { error, run } = useAction();
  const end = (id: number) =>
    run(() => answered(client.DELETE("/waivers/{id}", { params: { path: { id } } }))).then(
      (succeeded) => succeeded && list.reload(),
    );
  return (
    <>
      <Shown of={list}>
        {({ data }) =>
          data.length === 0 ? (
            <p class="empty">No dependency is waived.</p>
          ) : (
            <Scroll label="Waivers">
              <table>
                <thead>
                  <tr>
                    <th>Stakeholder</th>
                    <th>What</th>
                    <th>Why</th>
                    <th>Ends</th>
                    <th>State</th>
                    <th>Actions</th>
                  </tr>
                </thead>
                <tbody>
                  {data.map((waiver) => (
                    <tr key={waiver.id}>
                      <td>{waiver.stakeholder}</td>
                      <td>{named(waiver)}</td>
                      <td>{waiver.reason}</td>
                      <td>{left(waiver.days_left)}</td>
                      <td class={waiver.unmet ? "warn" : "quiet"}>{waiver.unmet ? "unmet now" : "still met"}</td>
                      <td>
                        <button type="button" onClick={() => void end(waiver.id)}>
                          End now
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
      <h2>Waive a dependency</h2>
      <p class="quiet">Migrations may break it until then. The rest of the claims stays enforced.</p>
      <Form
        name="Waive a dependency"
        action="Waive"
        fields={[
          { name: "stakeholder", label: "Of", options: namesOf(stakeholders) },
          { name: "path", label: "Table", placeholder: "shop.orders" },
          { name: "field", label: "Column", placeholder: "note", optional: true },
          { name: "until", label: "Until", type: "datetime-local" },
          { name: "reason", label: "Why", placeholder: "version 2.4 reads none" },
        ]}
        send={async ({ stakeholder, path = "", field, until = "", reason = "" }) => {
          const data = { path, field: field ?? null, until: moment(until), reason };
          const params = { path: { id: idOf(stakeholders, stakeholder) } };
          await answered(client.POST("/stakeholders/{id}/waivers", { params, body: { data } }));
          list.reload();
        }}
      />
      <Same
        ways={{
          sql: "SELECT * FROM integratedb_waivers();",
          http: "GET /api/v1/waivers",
          cli: "integratedb waiver list",
        }}
      />
    </>
  );
}
