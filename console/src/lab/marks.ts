// What the map marks red after a preview: the tables and columns that stakeholders would miss.

import type { Mark } from "../map/draw";
import type { UnmetClaim } from "./report";

export function marksOf(unmet: readonly UnmetClaim[]): Map<string, Mark> {
  const found = new Map<string, Mark>();
  for (const claim of unmet) {
    for (const problem of claim.problems) {
      const path = problem.path ?? claim.path;
      const mark = found.get(path) ?? { reason: "", columns: new Map<string, string>() };
      const said = `${claim.stakeholder}: ${problem.message}`;
      if (problem.field) mark.columns.set(problem.field, join(mark.columns.get(problem.field), said));
      mark.reason = join(mark.reason, said);
      found.set(path, mark);
    }
  }
  return found;
}

function join(before: string | undefined, more: string): string {
  return before ? `${before}; ${more}` : more;
}
