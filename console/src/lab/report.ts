// The result of a preview as a comment for a pull request.

import type { Schemas } from "../api/client";
import { cell } from "../parts/format";

export type UnmetClaim = Schemas["UnmetClaim"];

/** The claims that refuse the migration: those that a waiver or a due deprecation allows to be unmet do not. */
export function refusing(unmet: readonly UnmetClaim[]): UnmetClaim[] {
  return unmet.filter((claim) => !claim.problems.some((problem) => problem.allowed));
}

function verdict(unmet: readonly UnmetClaim[]): string {
  const number = refusing(unmet).length;
  if (unmet.length === 0) return "**This migration breaks no claim.**";
  if (number === 0) return "**This migration passes: what it breaks is waived, or was announced.**";
  return `**This migration would be refused: it breaks ${number} ${number === 1 ? "claim" : "claims"}.**`;
}

/** Fences a text that may itself contain fences. */
function fenced(text: string, language: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text.trimEnd()}\n${fence}`;
}

export function markdown(sql: string, unmet: readonly UnmetClaim[]): string {
  const rows = unmet.map(
    (claim) =>
      `| ${cell(claim.stakeholder)} | ${cell(claim.kind)} | ${cell(claim.problems.map((problem) => problem.message).join("; "))} | ${cell(claim.hint)} |`,
  );
  const table =
    rows.length === 0 ? [] : ["| stakeholder | kind | problem | what to do |", "|---|---|---|---|", ...rows, ""];
  return [
    verdict(unmet),
    "",
    ...table,
    fenced(sql, "sql"),
    "",
    "Previewed by IntegrateDB; the statements were rolled back.",
    "",
  ].join("\n");
}
