// Deprecations: tables and columns that their owners will remove, and who still claims them.

import { useAction } from "../api/action";
import { answered, client, session } from "../api/client";
import { useResource } from "../api/resource";
import { Failure } from "../parts/failure";
import { Form, moment } from "../parts/form";
import { Same } from "../parts/same";
import { Scroll } from "../parts/scroll";
import { Shown } from "../parts/shown";
import { link } from "../routing";
import { left, named } from "./agreements";

export function Deprecations() {
  const list = useResource(() => answered(client.GET("/deprecations")));
  const { error, run } = useAction();
  const end = (path: string, field: string | null) =>
    run(() => answered(client.DELETE("/deprecations", { params: { query: { path, field } } }))).then(
      (succeeded) => succeeded && list.reload(),
    );
  return (
    <>
      <Shown of={list}>
        {({ data }) =>
          data.length === 0 ? (
            <p class="empty">Nothing is announced to be removed.</p>
          ) : (
            <Scroll label="Deprecations">
              <table>
                <thead>
                  <tr>
                    <th>What</th>
                    <th>Instead</th>
                    <th>Goes</th>
                    <th>Claimed by</th>
                    <th>Announced by</th>
                    <th>Actions</th>
                  </tr>
                </thead>
                <tbody>
                  {data.map((one) => (
                    <tr key={named(one)}>
                      <td>
                        <a href={link("map", { table: one.path, column: one.field })}>{named(one)}</a>
                      </td>
                      <td>{one.message ?? ""}</td>
                      <td>{one.days_left === null ? "some day" : left(one.days_left)}</td>
                      <td class={one.claimed_by.length > 0 ? "warn" : "good"}>
                        {one.claimed_by.join(", ") || "nobody"}
                      </td>
                      <td>{one.deprecated_by}</td>
                      <td>
                        {session.value?.everything && (
                          <button type="button" onClick={() => void end(one.path, one.field)}>
                            Take back
                          </button>
                        )}
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
      {session.value?.everything && (
        <>
          <h2>Announce a removal</h2>
          <Form
            name="Announce a removal"
            action="Announce"
            fields={[
              { name: "path", label: "Table", placeholder: "shop.orders" },
              { name: "field", label: "Column", placeholder: "note", optional: true },
              { name: "after", label: "Goes after", type: "datetime-local", optional: true },
              { name: "message", label: "Instead", placeholder: "read shop.order_notes", optional: true },
            ]}
            send={async ({ path = "", field, after, message }) => {
              const data = {
                path,
                field: field ?? null,
                remove_after: after ? moment(after) : null,
                message: message ?? null,
              };
              await answered(client.POST("/deprecations", { body: { data } }));
              list.reload();
            }}
          />
        </>
      )}
      <Same
        ways={{
          sql: "SELECT * FROM integratedb_deprecations();",
          http: "GET /api/v1/deprecations",
          cli: "integratedb deprecation list",
        }}
      />
    </>
  );
}
