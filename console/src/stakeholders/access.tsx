// What a stakeholder can actually read, and why; what it does not claim stands first.

import { answered, client } from "../api/client";
import { useResource } from "../api/resource";
import { Failure } from "../parts/failure";
import { literal, word } from "../parts/quoting";
import { Same } from "../parts/same";
import { Scroll } from "../parts/scroll";
import { link } from "../routing";
import type { Stakeholder } from "./stakeholders";

const MOST = 1000;

export function Access({ stakeholder: { id, name } }: { stakeholder: Stakeholder }) {
  const access = useResource(
    () => answered(client.GET("/stakeholders/{id}/access", { params: { path: { id }, query: { limit: MOST } } })),
    [id],
  );
  if (access.error) return <Failure error={access.error} retry={access.reload} />;
  if (access.value === undefined) return <p class="quiet">Asking the database for every privilege…</p>;
  const { data, next } = access.value;
  const excess = data.filter((column) => column.excess);
  const columns = [...excess, ...data.filter((column) => !column.excess)];
  return (
    <>
      <p>
        {name} can read {data.length}
        {next === null ? "" : " or more"} {data.length === 1 ? "column" : "columns"}.{" "}
        {excess.length === 0 ? (
          <span class="good">None of them beside its claims.</span>
        ) : (
          <span class="warn">{excess.length} of them beside its claims: a migration may take these away.</span>
        )}
      </p>
      {columns.length > 0 && (
        <Scroll label="Columns that can be read">
          <table>
            <thead>
              <tr>
                <th>Table</th>
                <th>Column</th>
                <th>Why</th>
              </tr>
            </thead>
            <tbody>
              {columns.map((column) => (
                <tr key={`${column.path} ${column.field}`}>
                  <td>
                    <a href={link("map", { table: column.path })}>{column.path}</a>
                  </td>
                  <td>{column.field}</td>
                  <td class={column.excess ? "warn" : ""}>
                    {column.reason}
                    {column.excess && ", not claimed"}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      <Same
        ways={{
          sql: `SELECT * FROM integratedb_access(${literal(name)});`,
          http: `GET /api/v1/stakeholders/${id}/access`,
          cli: `integratedb access ${word(name)}`,
        }}
      />
    </>
  );
}
