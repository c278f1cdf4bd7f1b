// Statements of the data API: written over several lines, and run or explained by a trial.

import { literal } from "../parts/quoting";

/** A trial shows the first characters of a value only, so an answer comes in pieces. */
const PIECE = 1000;

const CLAUSE = /(?:FROM|WHERE|LEFT JOIN|GROUP BY|HAVING|ORDER BY|LIMIT|OFFSET|UNION|INTERSECT|EXCEPT)\b/y;
const QUOTED = /'(?:[^']|'')*'|"(?:[^"]|"")*"/y;

function found(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** Breaks a statement into lines before its clauses and sub-queries; nothing else changes, and nothing in quotes. */
export function formatted(sql: string): string {
  const pieces: string[] = [];
  /** For each open parenthesis, whether a sub-query is in it. */
  const open: boolean[] = [];
  let depth = 0;
  for (let at = 0; at < sql.length; ) {
    const quoted = found(QUOTED, sql, at);
    const character = sql[at] ?? "";
    if (quoted) {
      pieces.push(quoted);
      at += quoted.length;
      continue;
    }
    if (character === "(") {
      const isQuery = sql.startsWith("(SELECT ", at);
      open.push(isQuery);
      depth += isQuery ? 1 : 0;
      pieces.push(isQuery ? `(\n${"  ".repeat(depth)}` : "(");
    } else if (character === ")") {
      const isQuery = open.pop() ?? false;
      depth -= isQuery ? 1 : 0;
      pieces.push(isQuery ? `\n${"  ".repeat(depth)})` : ")");
    } else if (character === " " && (open.at(-1) ?? true) && found(CLAUSE, sql, at + 1)) {
      pieces.push(`\n${"  ".repeat(depth)}`);
    } else {
      pieces.push(character);
    }
    at += 1;
  }
  return pieces.join("");
}

export interface Statement {
  text: string;
  parameters: (string | null)[];
}

function executed({ parameters }: Statement): string {
  const values = parameters.map((value) => (value === null ? "NULL" : literal(value)));
  return values.length === 0 ? "EXECUTE workbench" : `EXECUTE workbench(${values.join(", ")})`;
}

/** Statements of a trial that answer with the body, in pieces. */
export function running(statement: Statement): string {
  return (
    `PREPARE workbench AS WITH answer AS MATERIALIZED (${statement.text})\n` +
    `SELECT substr(a.body, n, ${PIECE}) FROM answer AS a, generate_series(1, length(a.body), ${PIECE}) AS n ORDER BY n;\n` +
    `${executed(statement)};`
  );
}

/** Statements of a trial that answer with the plan, line by line. */
export function explaining(statement: Statement): string {
  return `PREPARE workbench AS ${statement.text};\nEXPLAIN ${executed(statement)};`;
}
