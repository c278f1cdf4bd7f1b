// The stakeholders: the list, and one of them with its claims, notifications, access and credentials.

import { useEffect } from "preact/hooks";
import { loadMap } from "../api/map";
import { useResource } from "../api/resource";
import { allStakeholders, type Stakeholder } from "../api/stakeholders";
import { Failure } from "../parts/failure";
import { Same } from "../parts/same";
import { Scroll } from "../parts/scroll";
import { link, place } from "../routing";
import { Access } from "./access";
import { Create, Credentials } from "./credentials";
import { Specification } from "./specification";

const TABS = ["claims", "notifications", "access", "credentials"] as const;

export default function Stakeholders() {
  const list = useResource(allStakeholders);
  useEffect(() => void loadMap(), []);
  const name = place.value.query.get("name");
  if (list.error) return <Failure error={list.error} retry={list.reload} />;
  if (list.value === undefined) {
    return (
      <>
        <h1>Stakeholders</h1>
        <p class="quiet">Loading…</p>
      </>
    );
  }
  if (name === null) return <List stakeholders={list.value} reload={list.reload} />;
  const found = list.value.find((stakeholder) => stakeholder.name === name);
  if (found) return <One stakeholder={found} key={found.id} reload={list.reload} />;
  return (
    <>
      <h1>Stakeholders</h1>
      <p>
        There is no stakeholder <code>{name}</code>, or your user may not see it.{" "}
        <a href={link("stakeholders")}>All stakeholders</a>
      </p>
    </>
  );
}

function List({ stakeholders, reload }: { stakeholders: Stakeholder[]; reload: () => void }) {
  return (
    <>
      <h1>Stakeholders</h1>
      <p>A stakeholder is an application: a database role that may read what it claims, and nothing else.</p>
      {stakeholders.length === 0 ? (
        <p class="empty">No application shares this database yet. Create the first one below.</p>
      ) : (
        <Scroll label="Stakeholders">
          <table>
            <thead>
              <tr>
                <th>Name</th>
                <th class="number">Claims</th>
                <th class="number">Notifications</th>
                <th class="number">Unmet</th>
                <th>Since</th>
              </tr>
            </thead>
            <tbody>
              {stakeholders.map((stakeholder) => (
                <tr key={stakeholder.id}>
                  <td>
                    <a href={link("stakeholders", { name: stakeholder.name })}>{stakeholder.name}</a>
                  </td>
                  <td class="number">{stakeholder.claims}</td>
                  <td class="number">{stakeholder.notifications}</td>
                  <td class={stakeholder.unmet > 0 ? "number bad" : "number"}>{stakeholder.unmet}</td>
                  <td>{stakeholder.created_at.slice(0, 10)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      <Create reload={reload} />
      <Same
        ways={{
          sql: "SELECT * FROM integratedb_stakeholders();",
          http: "GET /api/v1/stakeholders",
          cli: "integratedb stakeholder list",
        }}
      />
    </>
  );
}

function One({ stakeholder, reload }: { stakeholder: Stakeholder; reload: () => void }) {
  const { name } = stakeholder;
  const asked = place.value.query.get("tab");
  const tab = TABS.find((known) => known === asked) ?? "claims";
  return (
    <>
      <p>
        <a href={link("stakeholders")}>Stakeholders</a>
      </p>
      <h1>{name}</h1>
      <nav class="tabs" aria-label={`Parts of ${name}`}>
        {TABS.map((known) => (
          <a
            key={known}
            href={link("stakeholders", { name, tab: known })}
            aria-current={known === tab ? "page" : undefined}
          >
            {known[0]?.toUpperCase()}
            {known.slice(1)}
          </a>
        ))}
        <a href={link("map", { stakeholder: name })}>On the map</a>
      </nav>
      {(tab === "claims" || tab === "notifications") && (
        <Specification stakeholder={stakeholder} kind={tab} key={tab} />
      )}
      {tab === "access" && <Access stakeholder={stakeholder} />}
      {tab === "credentials" && <Credentials stakeholder={stakeholder} reload={reload} />}
    </>
  );
}
