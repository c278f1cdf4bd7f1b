// Who depends on a table or column, and what a change of it would do.

import { answered, client } from "../api/client";
import { useResource } from "../api/resource";
import { Failure } from "../parts/failure";
import { literal, word } from "../parts/quoting";
import { Same } from "../parts/same";
import { link } from "../routing";
import { type Change, changesOf, type Dependent, type DependentObject, grouped, objectName, queryOf } from "./impact";
import { DEPENDENCIES, type Table } from "./model";
import { addressOf } from "./place";

const MEANING = {
  required: "nothing else would do",
  alternative: "another alternative would do",
  optional: "it would do without",
};

export function Impact({ table, column }: { table: Table; column: string | null }) {
  const { path } = table.relation;
  const dependents = useResource(
    () =>
      answered(
        client.GET("/dependents", { params: { query: { path, ...(column ? { field: column } : {}), limit: 500 } } }),
      ),
    [path, column],
  );
  const objects = useResource(() => answered(client.GET("/map/objects", { params: { query: { path } } })), [path]);
  const what = column === null ? path : `${path}.${column}`;
  return (
    <section aria-label={`Impact of ${what}`}>
      <h3>Who depends on {column === null ? "it" : <code>{column}</code>}</h3>
      {dependents.error ? (
        <Failure error={dependents.error} retry={dependents.reload} />
      ) : objects.error ? (
        <Failure error={objects.error} retry={objects.reload} />
      ) : dependents.value === undefined || dependents.loading || objects.value === undefined || objects.loading ? (
        <p class="quiet" role="status">
          Asking who depends on it…
        </p>
      ) : (
        <>
          <Dependents dependents={dependents.value.data} more={dependents.value.next !== null} />
          <Objects objects={objects.value.data} column={column} />
          <Changes changes={changesOf(table, column, dependents.value.data, objects.value.data)} />
        </>
      )}
      <Same
        why="A dependent claims the table or column, relies on a foreign key to it, or has saved a query that reads it."
        ways={waysOf(path, column)}
        of={`dependents of ${what}`}
      />
    </section>
  );
}

function Dependents({ dependents, more }: { dependents: readonly Dependent[]; more: boolean }) {
  if (dependents.length === 0) return <p class="quiet">No stakeholder depends on it.</p>;
  const groups = grouped(dependents);
  return (
    <dl class="dependents">
      {DEPENDENCIES.filter((dependency) => groups[dependency].length > 0).map((dependency) => (
        <div key={dependency}>
          <dt>
            {dependency} <span class="quiet">{MEANING[dependency]}</span>
          </dt>
          {groups[dependency].map((dependent) => (
            <dd key={dependent.stakeholder + dependent.kind}>
              <a href={link("stakeholders", { name: dependent.stakeholder })}>{dependent.stakeholder}</a>{" "}
              {queryOf(dependent) === null ? (
                <span class="quiet">{dependent.kind}</span>
              ) : (
                <span>
                  by its saved query <code>{queryOf(dependent)}</code>
                </span>
              )}
            </dd>
          ))}
        </div>
      ))}
      {more && <p class="quiet">There are more; the command line lists all.</p>}
    </dl>
  );
}

/** So many are listed at once; a table that everything uses has hundreds. */
const MOST = 30;

function Objects({ objects, column }: { objects: readonly DependentObject[]; column: string | null }) {
  const shown = objects.filter((object) => column === null || object.columns.includes(column));
  if (shown.length === 0) return null;
  return (
    <details class="objects" open={shown.length <= 8}>
      <summary>
        {shown.length} {shown.length === 1 ? "object" : "objects"} of the database
      </summary>
      <ul class="keys">
        {shown.slice(0, MOST).map((object) => (
          <li key={objectName(object)}>
            {object.kind}{" "}
            {object.kind.endsWith("view") ? (
              <a href={addressOf({ table: object.name, column: null })}>{object.name}</a>
            ) : (
              <code>{object.name}</code>
            )}
            {object.on_path !== null && object.on_path !== object.name && (
              <span class="quiet"> on {object.on_path}</span>
            )}
            {column === null && object.columns.length > 0 && <span class="quiet">: {object.columns.join(", ")}</span>}
          </li>
        ))}
      </ul>
      {shown.length > MOST && <p class="quiet">and {shown.length - MOST} more</p>}
    </details>
  );
}

const SIGNS = { refused: "✗ refused", depends: "! it depends", passes: "✓ passes" };
const CLASSES = { refused: "bad", depends: "warn", passes: "good" };

function Changes({ changes }: { changes: readonly Change[] }) {
  return (
    <ul class="changes">
      {changes.map((change) => (
        <li key={change.name}>
          <strong>{change.name}</strong> <span class={CLASSES[change.outcome]}>{SIGNS[change.outcome]}</span>
          {change.words.map((words) => (
            <p key={words}>{words}</p>
          ))}
          <a href={link("lab", { sql: change.sql })} aria-label={`${change.name}: try it in the migration lab`}>
            Try it in the migration lab
          </a>
        </li>
      ))}
    </ul>
  );
}

export function waysOf(path: string, column: string | null): { sql: string; http: string; cli: string } {
  const names = column === null ? [path] : [path, column];
  const query = new URLSearchParams(column === null ? { path } : { path, field: column });
  return {
    sql: `SELECT * FROM integratedb_dependents(${names.map(literal).join(", ")});`,
    http: `GET /api/v1/dependents?${query}`,
    cli: `integratedb dependents ${names.map(word).join(" ")}`,
  };
}
