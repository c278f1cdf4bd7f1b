// The result of a preview as a comment for a pull request.

import type { Schemas } from "../api/client";
import { cell } from "../parts/format";

export type UnmetClaim = Schemas["UnmetClaim"];

/** Fences a text that may itself contain fences. */
function fenced(text: string, language: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text.trimEnd()}\n${fence}`;
}

export function markdown(sql: string, unmet: readonly UnmetClaim[]): string {
  const verdict =
    unmet.length === 0
      ? "**This migration breaks no claim.**"
      : `**This migration would be refused: it breaks ${unmet.length} ${unmet.length === 1 ? "claim" : "claims"}.**`;
  const rows = unmet.map(
    (claim) =>
      `| ${cell(claim.stakeholder)} | ${cell(claim.kind)} | ${cell(claim.problems.map((problem) => problem.message).join("; "))} | ${cell(claim.hint)} |`,
  );
  const table =
    rows.length === 0 ? [] : ["| stakeholder | kind | problem | what to do |", "|---|---|---|---|", ...rows, ""];
  return [
    verdict,
    "",
    ...table,
    fenced(sql, "sql"),
    "",
    "Previewed by IntegrateDB; the statements were rolled back.",
    "",
  ].join("\n");
}
