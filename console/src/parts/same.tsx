// Education mode: the SQL, HTTP and command line that do what the console does here.

import { teaching } from "../shell/preferences";
import { Copy } from "./copy";

export interface Ways {
  sql?: string;
  http?: string;
  cli?: string;
}

/** Shows the other ways; nothing while education mode is off. why: what to know about it, in a sentence. of: what a view
 * with several of these does here. */
export function Same({ ways, why, of }: { ways: Ways; why?: string; of?: string }) {
  if (!teaching.value) return null;
  const named: [string, string | undefined][] = [
    ["SQL", ways.sql],
    ["HTTP", ways.http],
    ["Command line", ways.cli],
  ];
  return (
    <aside class="same" aria-label={of ? `The same in other ways: ${of}` : "The same in other ways"}>
      {why && <p>{why}</p>}
      <dl>
        {named.map(
          ([name, text]) =>
            text && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>
                  <pre>{text}</pre>
                  <Copy text={text} name={`Copy the ${name}`} />
                </dd>
              </div>
            ),
        )}
      </dl>
    </aside>
  );
}
