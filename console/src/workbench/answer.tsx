// The rows of an answer, as a table, as JSON or as a chart.

import { useState } from "preact/hooks";
import { Copy } from "../parts/copy";
import { decimal } from "../parts/format";
import { Scroll } from "../parts/scroll";

export type Row = Record<string, unknown>;

/** The keys of all rows, in the order in which they come. */
export function keysOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function Table({ rows }: { rows: readonly Row[] }) {
  const keys = keysOf(rows);
  if (rows.length === 0) return <p class="quiet">No rows.</p>;
  return (
    <>
      <Scroll label="Rows">
        <table>
          <thead>
            <tr>
              {keys.map((key) => (
                <th key={key} class={isNumeric(rows, key) ? "number" : undefined}>
                  {key}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, place) => (
              <tr key={place}>
                {keys.map((key) => (
                  <td key={key} class={isNumeric(rows, key) ? "number" : undefined}>
                    {row[key] === null || row[key] === undefined ? <span class="quiet">null</span> : shown(row[key])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p class="quiet">
        {rows.length} {rows.length === 1 ? "row" : "rows"}
      </p>
    </>
  );
}

export function Json({ rows }: { rows: readonly Row[] }) {
  const text = JSON.stringify(rows, null, 2);
  return (
    <>
      <Scroll label="Rows as JSON">
        <pre>{text}</pre>
      </Scroll>
      <Copy text={text} />
    </>
  );
}

/** Whether all values of a key that are there are numbers. */
export function isNumeric(rows: readonly Row[], key: string): boolean {
  const values = rows.map((row) => row[key]).filter((value) => value !== null && value !== undefined);
  return values.length > 0 && values.every((value) => typeof value === "number");
}

export function Chart({ rows }: { rows: readonly Row[] }) {
  const keys = keysOf(rows);
  const numbers = keys.filter((key) => isNumeric(rows, key));
  const [value, setValue] = useState(numbers.find((key) => !/(^|_)id$/.test(key)) ?? numbers[0]);
  const [label, setLabel] = useState(keys.find((key) => !numbers.includes(key)) ?? keys[0]);
  if (value === undefined || label === undefined) {
    return <p class="quiet">A chart needs a column with numbers.</p>;
  }
  const largest = Math.max(...rows.map((row) => Math.abs(Number(row[value] ?? 0))), 0);
  return (
    <>
      <div class="row">
        <Choice name="Bars" keys={numbers} chosen={value} choose={setValue} />
        <Choice name="Names" keys={keys} chosen={label} choose={setLabel} />
      </div>
      <ol class="bars">
        {rows.map((row, place) => {
          const number = Number(row[value] ?? 0);
          const width = largest > 0 ? (Math.abs(number) / largest) * 100 : 0;
          return (
            <li key={place}>
              <span>{shown(row[label] ?? null)}</span>
              <span class="gauge" aria-hidden="true">
                <span class={number < 0 ? "negative" : undefined} style={{ width: `${width}%` }} />
              </span>
              <span class="number">{decimal(number)}</span>
            </li>
          );
        })}
      </ol>
    </>
  );
}

function Choice(props: { name: string; keys: string[]; chosen: string; choose: (key: string) => void }) {
  return (
    <label>
      {props.name}{" "}
      <select value={props.chosen} onChange={(event) => props.choose(event.currentTarget.value)}>
        {props.keys.map((key) => (
          <option key={key}>{key}</option>
        ))}
      </select>
    </label>
  );
}
