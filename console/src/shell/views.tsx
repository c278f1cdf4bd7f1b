// The views of the console, in the order of the navigation. A view's code is loaded when it is opened.

import type { ComponentType } from "preact";

export interface View {
  name: string;
  title: string;
  what: string;
  load: () => Promise<{ default: ComponentType }>;
}

export const VIEWS: readonly View[] = [
  { name: "", title: "Home", what: "health at a glance", load: () => import("../home/home") },
  { name: "map", title: "Map", what: "tables, columns, and who depends on them", load: () => import("../map/map") },
  { name: "lab", title: "Migration lab", what: "try a migration without harm", load: () => import("../lab/lab") },
  {
    name: "stakeholders",
    title: "Stakeholders",
    what: "claims, credentials and access",
    load: () => import("../stakeholders/stakeholders"),
  },
  {
    name: "agreements",
    title: "Agreements",
    what: "requests, deprecations, waivers, temporary logins",
    load: () => import("../agreements/agreements"),
  },
  {
    name: "workbench",
    title: "Workbench",
    what: "one query as a URL, GraphQL, data and SQL",
    load: () => import("../workbench/workbench"),
  },
  {
    name: "advisers",
    title: "Advisers",
    what: "what should be changed, and how",
    load: () => import("../advisers/advisers"),
  },
  {
    name: "monitoring",
    title: "Monitoring",
    what: "locks, sessions, slots, statements",
    load: () => import("../monitoring/monitoring"),
  },
  { name: "learn", title: "Learn", what: "the documentation", load: () => import("../learn/learn") },
];
