// Claims that are not met, with the stakeholder who is hurt and what to do.

import type { Schemas } from "../api/client";
import { Scroll } from "../parts/scroll";
import { link } from "../routing";

export function UnmetClaims({ claims }: { claims: Schemas["UnmetClaim"][] }) {
  return (
    <Scroll label="Unmet claims, with what to do">
      <table>
        <thead>
          <tr>
            <th>Stakeholder</th>
            <th>Path</th>
            <th>Problem</th>
            <th>What to do</th>
          </tr>
        </thead>
        <tbody>
          {claims.map((claim) => (
            <tr key={claim.claim_id}>
              <td>
                <a href={link("stakeholders", { name: claim.stakeholder })}>{claim.stakeholder}</a>
                <div class="quiet">{claim.kind}</div>
              </td>
              <td>
                <code>{claim.path}</code>
              </td>
              <td>
                {claim.problems.map((problem) => (
                  <div key={problem.message}>
                    {problem.message} {problem.allowed ? <span class="tag">{String(problem.allowed)}</span> : null}
                  </div>
                ))}
              </td>
              <td>{claim.hint}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
