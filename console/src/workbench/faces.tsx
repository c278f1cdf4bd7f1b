// The four faces of one query: what is typed in one, the others say.

import { Copy } from "../parts/copy";
import { formatted, type Statement } from "./statement";

export const FACES = [
  { name: "url", title: "URL", hint: "/orders?status=eq.new&select=id,total" },
  { name: "graphql", title: "GraphQL", hint: "{ ordersNodes { nodes { rowId total } } }" },
  { name: "data", title: "Query as data", hint: '{"select": ["id"], "from": "orders"}' },
] as const;
export type Face = (typeof FACES)[number]["name"];

export interface Written {
  text?: string | null;
  why?: string | null;
}
export type Translation = Record<Face, Written> & { sql: Statement };

export function isFace(name: string | null): name is Face {
  return FACES.some((face) => face.name === name);
}

interface Props {
  /** The face that is typed in, with its text. */
  face: Face;
  text: string;
  translation: Translation | null;
  problem: string | null;
  edit: (face: Face, text: string) => void;
  submit: () => void;
}

export function Faces({ face, text, translation, problem, edit, submit }: Props) {
  return (
    <div class="faces">
      {FACES.map(({ name, title, hint }) => {
        const written = translation?.[name];
        const value = name === face ? text : (written?.text ?? "");
        return (
          <section key={name} aria-labelledby={`face-${name}`}>
            <h2 id={`face-${name}`}>
              {title} {name === face && <span class="tag">you type here</span>}
            </h2>
            <textarea
              class="code"
              aria-labelledby={`face-${name}`}
              aria-describedby={`said-${name}`}
              spellcheck={false}
              autocomplete="off"
              placeholder={hint}
              rows={Math.min(24, Math.max(4, value.split("\n").length + 1))}
              value={value}
              onInput={(event) => edit(name, event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit();
              }}
            />
            <p id={`said-${name}`} class={name === face && problem ? "bad" : "quiet"} aria-live="polite">
              {name === face ? problem : problem ? "" : written?.why}
            </p>
          </section>
        );
      })}
      <section aria-labelledby="face-sql">
        <h2 id="face-sql">SQL</h2>
        {translation ? (
          <>
            <pre>{formatted(translation.sql.text)}</pre>
            {translation.sql.parameters.length > 0 && (
              <p>
                {translation.sql.parameters.map((value, place) => (
                  <span key={place} class="tag">
                    ${place + 1} {value ?? "null"}
                  </span>
                ))}
              </p>
            )}
            <Copy text={translation.sql.text} name="Copy the SQL" />
          </>
        ) : (
          <p class="quiet">The statement that the data API runs is shown here. It is written, and not read.</p>
        )}
      </section>
    </div>
  );
}
