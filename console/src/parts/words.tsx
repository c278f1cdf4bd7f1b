// Education mode: the words of a view, each with what it means.

import { useState } from "preact/hooks";
import { link } from "../routing";
import { teaching } from "../shell/preferences";

interface Meaning {
  text: string;
  page: string;
}

/** Pages are those of the documentation. */
export const WORDS: Record<string, Meaning> = {
  stakeholder: {
    text: "An application that reads from this database: a role with a private schema, and the right to read what it claims.",
    page: "story",
  },
  claim: {
    text: "What a stakeholder needs: tables, columns and their types. A migration that takes a claimed thing away is refused at COMMIT.",
    page: "specification",
  },
  unmet: {
    text: "A claim is unmet when the schema does not have what it names. Only an override leaves a claim unmet.",
    page: "errors",
  },
  alternative: {
    text: "Another table or column that a claim accepts too. With both names claimed, the old one can be removed.",
    page: "specification",
  },
  "required and optional": {
    text: "What is required must stay. What is optional may go, and then the stakeholder does not get it.",
    page: "specification",
  },
  preview: {
    text: "A migration is run and rolled back, to see which claims it would leave unmet.",
    page: "sql-reference",
  },
  notification: {
    text: "A message about a changed row, sent at least once to a webhook, a Redis stream or a WebSocket.",
    page: "notifications",
  },
  channel: {
    text: "Where the notifications of a stakeholder go.",
    page: "notifications",
  },
  request: {
    text: "A specification that a stakeholder asks for. It is in force when the owners of its tables have approved it.",
    page: "governance",
  },
  deprecation: {
    text: "An owner announces that a table or column will be removed. Claims still protect it, unless deprecations are binding.",
    page: "governance",
  },
  waiver: {
    text: "A stakeholder lets migrations break one dependency for a time.",
    page: "governance",
  },
  lease: {
    text: "A temporary login that acts as a stakeholder, for a job or a person.",
    page: "governance",
  },
  face: {
    text: "A way to ask the data API: a URL, GraphQL, or a query as data. All become the same statement.",
    page: "data-api",
  },
  finding: {
    text: "What an adviser says about one thing: why it matters, and the statement that cures it.",
    page: "advice",
  },
  slot: {
    text: "A replication slot keeps the WAL that the daemon has not read yet. A slot that nobody reads fills the disk.",
    page: "notifications",
  },
  "row security": {
    text: "Policies of a table that decide which rows a role sees.",
    page: "row-security",
  },
};

/** Which words stand in which view. */
export const OF_VIEW: Record<string, readonly string[]> = {
  "": ["stakeholder", "claim", "unmet", "finding"],
  map: ["claim", "required and optional", "alternative"],
  lab: ["preview", "unmet", "alternative"],
  stakeholders: ["stakeholder", "claim", "required and optional", "notification", "channel"],
  agreements: ["request", "deprecation", "waiver", "lease"],
  workbench: ["face", "claim", "row security"],
  advisers: ["finding"],
  monitoring: ["slot", "channel"],
};

/** The words of a view; nothing while education mode is off. */
export function Words({ view }: { view: string }) {
  const [open, setOpen] = useState<string | null>(null);
  const words = OF_VIEW[view] ?? [];
  if (!teaching.value || words.length === 0) return null;
  const meaning = open === null ? undefined : WORDS[open];
  return (
    <aside class="words" aria-label="Words of this view">
      <span class="quiet">Words: </span>
      {words.map((word) => (
        <button
          key={word}
          type="button"
          class="tag"
          aria-expanded={word === open}
          onClick={() => setOpen(word === open ? null : word)}
        >
          {word}
        </button>
      ))}
      <p aria-live="polite">
        {meaning && (
          <>
            <strong>{open}</strong>: {meaning.text} <a href={link("learn", {}, meaning.page)}>More</a>
          </>
        )}
      </p>
    </aside>
  );
}
