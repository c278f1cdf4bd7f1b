// What statements have returned, before they were rolled back.

import type { Schemas } from "../api/client";
import { Failed } from "../parts/failed";
import { Scroll } from "../parts/scroll";

export function Results({ trial }: { trial: Schemas["Trial"] }) {
  return (
    <>
      {trial.results.map((result, index) => (
        <div key={index} class="result">
          {result.notices.map((notice) => (
            <p key={notice} class="warn">
              {notice}
            </p>
          ))}
          {result.columns.length === 0 ? <p class="quiet">✓ {result.command}</p> : <Table result={result} />}
        </div>
      ))}
      {trial.error && <Failed error={trial.error} />}
    </>
  );
}

function Table({ result }: { result: Schemas["Tried"] }) {
  const shown = result.rows.length;
  return (
    <>
      <Scroll label="Result">
        <table>
          <thead>
            <tr>
              {result.columns.map((column, index) => (
                <th key={index}>{column}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {result.rows.map((row, place) => (
              <tr key={place}>
                {row.map((value, index) => (
                  <td key={index}>{value ?? <span class="quiet">null</span>}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p class="quiet">
        {shown} {shown === 1 ? "row" : "rows"}
        {result.more > 0 && `, and ${result.more} more`}
      </p>
    </>
  );
}
