// What somebody does first who has never seen the product: who depends on what, and a migration without harm.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { databaseMap, loadMap } from "../api/map";
import { link } from "../routing";
import { remember, remembered, teaching } from "../shell/preferences";
import { mostClaimed, rename } from "./most-claimed";

const hidden = signal(remembered("first-steps") === "hidden");

export function FirstSteps() {
  useEffect(() => {
    if (!hidden.value) void loadMap();
  }, []);
  if (hidden.value) return null;
  const map = databaseMap.value;
  const claimed = map && mostClaimed(map.relations);
  return (
    <section class="card first-steps" aria-labelledby="first-steps">
      <h2 id="first-steps">First steps</h2>
      {claimed ? (
        <ol>
          <li>
            <a href={link("map", { table: claimed.relation.path, column: claimed.column })}>
              See who depends on {claimed.relation.path}.{claimed.column}
            </a>
            : {claimed.stakeholders.join(", ")}.
          </li>
          <li>
            <a href={link("lab", { sql: rename(claimed) })}>Try to rename it</a>, without harm. You see who would be
            hurt, and why the migration would be refused.
          </li>
          <li>
            <a href={link("stakeholders", { name: claimed.stakeholders[0] ?? "" })}>
              Look at the claims of {claimed.stakeholders[0]}
            </a>
            , and what it can read.
          </li>
          <li>
            <a href={link("advisers")}>Ask the advisers</a> what should be changed.
          </li>
          <li>
            <button
              type="button"
              aria-pressed={teaching.value}
              onClick={() => {
                teaching.value = !teaching.value;
              }}
            >
              {teaching.value ? "Stop showing" : "Show"} the SQL, HTTP and command line
            </button>{" "}
            beside each action.
          </li>
        </ol>
      ) : (
        <ol>
          <li>
            <a href={link("stakeholders")}>Create a stakeholder</a>: an application that reads from this database.
          </li>
          <li>Say which tables and columns it needs. From then on no migration takes them away.</li>
          <li>
            <a href={link("lab")}>Try a migration</a>, without harm.
          </li>
          <li>
            <a href={link("learn", {}, "story")}>Read the story</a> of a shop and the applications around it.
          </li>
        </ol>
      )}
      <button
        type="button"
        onClick={() => {
          hidden.value = true;
          remember("first-steps", "hidden");
        }}
      >
        Hide
      </button>
    </section>
  );
}
