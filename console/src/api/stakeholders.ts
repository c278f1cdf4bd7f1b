// All stakeholders that the user may see, whatever their number.

import { answered, client, type Schemas } from "./client";

export type Stakeholder = Schemas["Stakeholder"];

export async function allStakeholders(): Promise<Stakeholder[]> {
  const found: Stakeholder[] = [];
  let after: number | null = 0;
  while (after !== null) {
    const page: Schemas["Page_Stakeholder_"] = await answered(
      client.GET("/stakeholders", { params: { query: { limit: 1000, after } } }),
    );
    found.push(...page.data);
    after = page.next;
  }
  return found;
}
