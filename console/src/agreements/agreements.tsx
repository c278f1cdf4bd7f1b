// What owners and stakeholders agree on: requests, deprecations, waivers and leases.

import { useResource } from "../api/resource";
import { allStakeholders, type Stakeholder } from "../api/stakeholders";
import { Shown } from "../parts/shown";
import { link, place } from "../routing";
import { Deprecations } from "./deprecations";
import { Leases } from "./leases";
import { Requests } from "./requests";
import { Waivers } from "./waivers";

const KINDS = {
  requests: { title: "Requests", view: Requests },
  deprecations: { title: "Deprecations", view: Deprecations },
  waivers: { title: "Waivers", view: Waivers },
  leases: { title: "Leases", view: Leases },
} as const;
type Kind = keyof typeof KINDS;

export interface Props {
  stakeholders: Stakeholder[];
}

export default function Agreements() {
  const asked = place.value.rest[0];
  const kind: Kind = asked && asked in KINDS ? (asked as Kind) : "requests";
  const View = KINDS[kind].view;
  const stakeholders = useResource(allStakeholders);
  return (
    <>
      <h1>Agreements</h1>
      <p>
        A claim keeps the schema as it is. Here owners and stakeholders agree on what changes.{" "}
        <a href={link("learn", {}, "governance")}>How that works</a>
      </p>
      <nav class="tabs" aria-label="Kinds of agreements">
        {(Object.keys(KINDS) as Kind[]).map((known) => (
          <a key={known} href={link("agreements", {}, known)} aria-current={known === kind ? "page" : undefined}>
            {KINDS[known].title}
          </a>
        ))}
      </nav>
      <Shown of={stakeholders}>{(all) => <View stakeholders={all} key={kind} />}</Shown>
    </>
  );
}

export function idOf(stakeholders: readonly Stakeholder[], name: string | undefined): number {
  const found = stakeholders.find((stakeholder) => stakeholder.name === name);
  if (!found) throw new Error(`There is no stakeholder ${name}.`);
  return found.id;
}

export function namesOf(stakeholders: readonly Stakeholder[]): string[] {
  return stakeholders.map(({ name }) => name);
}

/** A table with its column, as people write it. */
export function named({ path, field }: { path: string; field: string | null }): string {
  return field === null ? path : `${path}.${field}`;
}

export function left(days: number): string {
  if (days < 0) return "over";
  return days === 0 ? "today" : `in ${days} ${days === 1 ? "day" : "days"}`;
}
