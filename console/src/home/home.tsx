// Health at a glance: is a claim unmet, is the daemon delivering, what has changed and who did it.

import { answered, client, session } from "../api/client";
import { useResource } from "../api/resource";
import { ago } from "../parts/format";
import { Same } from "../parts/same";
import { Scroll } from "../parts/scroll";
import { Shown } from "../parts/shown";
import { link } from "../routing";
import { FirstSteps } from "./first-steps";
import { UnmetClaims } from "./unmet";

export default function Home() {
  return (
    <>
      <h1>Who depends on what, and is it well?</h1>
      <FirstSteps />
      <Unmet />
      {session.value?.everything ? (
        <>
          <Facts />
          <Advice />
          <Changes />
        </>
      ) : (
        <p class="quiet">Your user is restricted to some stakeholders. The whole database's health is not shown.</p>
      )}
    </>
  );
}

function Unmet() {
  const unmet = useResource(() => answered(client.GET("/unmet-claims", { params: { query: { limit: 100 } } })));
  return (
    <section aria-label="Unmet claims">
      <Shown of={unmet}>
        {({ data, next }) =>
          data.length === 0 ? (
            <p class="good">✓ Every claim is met: each stakeholder finds what it depends on.</p>
          ) : (
            <>
              <h2 class="bad">
                {data.length}
                {next === null ? "" : " or more"} unmet {data.length === 1 ? "claim" : "claims"}
              </h2>
              <UnmetClaims claims={data} />
            </>
          )
        }
      </Shown>
      <Same
        why="A claim is unmet when the schema lacks what a stakeholder depends on. Migrations that cause this are refused at COMMIT."
        ways={{
          sql: "SELECT * FROM integratedb_unmet_claims();",
          http: "GET /api/v1/unmet-claims",
          cli: "integratedb unmet",
        }}
        of="unmet claims"
      />
    </section>
  );
}

/** The facts that people look for first; the others follow in a table. */
const CARDS: readonly [string, string, string][] = [
  ["stakeholders", "Stakeholders", "stakeholders"],
  ["claims", "Claims", "map"],
  ["notifications", "Notifications", "stakeholders"],
  ["unmet", "Unmet", ""],
];

function Facts() {
  const status = useResource(() => answered(client.GET("/status")));
  return (
    <section aria-labelledby="facts">
      <h2 id="facts">Status</h2>
      <Shown of={status}>
        {({ data }) => {
          const first = CARDS.filter(([fact]) => fact in data);
          const others = Object.entries(data).filter(([fact]) => !first.some(([shown]) => shown === fact));
          return (
            <>
              <div class="cards">
                {first.map(([fact, title, view]) => (
                  <a class="card" key={fact} href={link(view)}>
                    <h3>{title}</h3>
                    <span class={`figure ${fact === "unmet" && data[fact] !== "0" ? "bad" : ""}`}>{data[fact]}</span>
                  </a>
                ))}
              </div>
              <details>
                <summary>All facts</summary>
                <Scroll label="All facts">
                  <table>
                    <tbody>
                      {others.map(([fact, value]) => (
                        <tr key={fact}>
                          <th scope="row">{fact}</th>
                          <td>{value}</td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </Scroll>
              </details>
            </>
          );
        }}
      </Shown>
      <Same
        ways={{ sql: "SELECT * FROM integratedb_status();", http: "GET /api/v1/status", cli: "integratedb status" }}
        of="the status"
      />
    </section>
  );
}

function Advice() {
  const findings = useResource(() => answered(client.GET("/advice")));
  return (
    <section aria-labelledby="advice">
      <h2 id="advice">Advisers</h2>
      <Shown of={findings}>
        {({ data }) => {
          const number = (level: string) => data.filter((finding) => finding.level === level).length;
          if (data.length === 0) return <p class="good">✓ The advisers have found nothing.</p>;
          return (
            <p>
              <a href={link("advisers")}>
                {data.length} {data.length === 1 ? "finding" : "findings"}
              </a>
              : {number("ERROR") > 0 && <span class="bad">{number("ERROR")} wrong, </span>}
              {number("WARN")} risky, {number("INFO")} that could be better.
            </p>
          );
        }}
      </Shown>
      <Same
        ways={{ sql: "SELECT * FROM integratedb_advice();", http: "GET /api/v1/advice", cli: "integratedb advice" }}
        of="the advisers"
      />
    </section>
  );
}

function Changes() {
  const events = useResource(() => answered(client.GET("/ddl-events", { params: { query: { limit: 12 } } })));
  return (
    <section aria-labelledby="changes">
      <h2 id="changes">Recent changes of the schema</h2>
      <Shown of={events}>
        {({ data }) =>
          data.length === 0 ? (
            <p class="quiet">
              Nobody has changed the schema since the extension exists here. <a href={link("lab")}>Try a migration</a>{" "}
              without harm.
            </p>
          ) : (
            <Scroll label="Recent changes">
              <table>
                <thead>
                  <tr>
                    <th>When</th>
                    <th>Who</th>
                    <th>What</th>
                    <th>Statement</th>
                  </tr>
                </thead>
                <tbody>
                  {data.map((event) => (
                    <tr key={event.id}>
                      <td title={event.occurred_at}>{ago(event.occurred_at)}</td>
                      <td>{event.session_user_name}</td>
                      <td>
                        {event.command_tag}
                        {event.object_identity && (
                          <div class="quiet">
                            {event.object_type} {event.object_identity}
                          </div>
                        )}
                        {event.reason && <div class="warn">{event.reason}</div>}
                      </td>
                      <td>
                        <code class="statement">{event.query}</code>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          )
        }
      </Shown>
      <Same
        ways={{
          sql: "SELECT * FROM integratedb_ddl_events(max_results => 12);",
          http: "GET /api/v1/ddl-events?limit=12",
        }}
        of="changes"
      />
    </section>
  );
}
