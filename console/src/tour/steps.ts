// The steps of the tour: the most claimed column of this database, seen in each view. Pure.

import type { Claimed } from "../home/most-claimed";
import { rename } from "../home/most-claimed";
import { link } from "../routing";

export interface Step {
  title: string;
  text: string;
  url: string;
}

export function stepsOf(claimed: Claimed | null): Step[] {
  const end: Step = {
    title: "Where to go on",
    text: "The story of the documentation tells it again in SQL, and each of its examples can be run. The switch Teach shows how a script does what you do here.",
    url: link("learn", {}, "story"),
  };
  if (!claimed) {
    return [
      {
        title: "Nobody shares this database yet",
        text: "A stakeholder is an application: a role that may read what it claims. Create one here, and claim a table. Then take the tour again.",
        url: link("stakeholders"),
      },
      end,
    ];
  }
  const { relation, column, stakeholders } = claimed;
  const [first = ""] = stakeholders;
  const others =
    stakeholders.length === 1 ? first : `${stakeholders.slice(0, -1).join(", ")} and ${stakeholders.at(-1)}`;
  return [
    {
      title: "Who depends on what",
      text: `Each box is a table, and the colours are applications. ${others} ${stakeholders.length === 1 ? "depends" : "depend"} on ${relation.path}.${column}. Choose another column to see who would feel its loss.`,
      url: link("map", { table: relation.path, column }),
    },
    {
      title: "A claim says so",
      text: `${first} has said which tables and columns it reads. It may read those, and nothing else. No migration takes them away.`,
      url: link("stakeholders", { name: first }),
    },
    {
      title: "Try to break it",
      text: `This migration renames ${column}. Press Try it: it is run and rolled back. You see who is hurt, and how the column is renamed without harm.`,
      url: link("lab", { sql: rename(claimed) }),
    },
    {
      title: "Ask for rows",
      text: `This is what ${first} asks the data API. Change the URL: the same query in GraphQL, as data and in SQL follows. Run shows the rows and the plan.`,
      url: link("workbench", { stakeholder: first }),
    },
    {
      title: "What should be changed",
      text: "The advisers look for missing indexes, risky settings and claims that nobody needs. Each finding has its cure, and can be muted with a reason.",
      url: link("advisers"),
    },
    {
      title: "Is it well",
      text: "Sessions that wait for others, slow statements, and the slots that notifications come from. What blocks others can be ended here.",
      url: link("monitoring"),
    },
    end,
  ];
}
