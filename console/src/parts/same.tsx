// Education mode: the SQL, HTTP and command line that do what the console does here.

import { teaching } from "../shell/preferences";

export interface Ways {
  sql?: string;
  http?: string;
  cli?: string;
}

/** Shows the other ways; nothing while education mode is off. why: what to know about it, in a sentence. */
export function Same({ ways, why }: { ways: Ways; why?: string }) {
  if (!teaching.value) return null;
  const named: [string, string | undefined][] = [
    ["SQL", ways.sql],
    ["HTTP", ways.http],
    ["Command line", ways.cli],
  ];
  return (
    <aside class="same" aria-label="The same in other ways">
      {why && <p>{why}</p>}
      <dl>
        {named.map(
          ([name, text]) =>
            text && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>
                  <pre>{text}</pre>
                  <button
                    type="button"
                    aria-label={`Copy the ${name}`}
                    onClick={() => void navigator.clipboard?.writeText(text)}
                  >
                    Copy
                  </button>
                </dd>
              </div>
            ),
        )}
      </dl>
    </aside>
  );
}

/** A string as a literal of SQL. */
export function literal(text: string): string {
  const doubled = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? `E${doubled.replaceAll("\\", "\\\\")}` : doubled;
}
