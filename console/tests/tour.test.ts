import { expect, test } from "vitest";
import { PAGES } from "../src/learn/pages";
import { OF_VIEW, WORDS } from "../src/parts/words";
import { VIEWS } from "../src/shell/views";
import { stepsOf } from "../src/tour/steps";
import { relation } from "./relations";

test("the tour shows the most claimed column in each view", () => {
  const claimed = {
    relation: relation("shop.orders", ["total"]),
    column: "total",
    stakeholders: ["reporter", "parcels"],
  };
  const steps = stepsOf(claimed);
  expect(steps).toHaveLength(7);
  expect(steps[0]?.text).toContain("reporter and parcels depend on shop.orders.total");
  expect(steps[0]?.url).toBe("/console/map?table=shop.orders&column=total");
  expect(decodeURIComponent(steps[2]?.url ?? "")).toContain("RENAME+COLUMN+total+TO+total_new");
  for (const { url } of steps) expect(VIEWS.map(({ name }) => name)).toContain(url.split(/[/?]/)[2]);
});

test("a database that nobody shares has a tour, too", () => {
  expect(stepsOf(null).map(({ title }) => title)).toEqual(["Nobody shares this database yet", "Where to go on"]);
});

test("each word of a view has a meaning, and its page exists", () => {
  const pages = PAGES.map(({ name }) => name);
  for (const [view, words] of Object.entries(OF_VIEW)) {
    expect(VIEWS.map(({ name }) => name)).toContain(view);
    for (const word of words) expect(WORDS[word]).toBeDefined();
  }
  for (const { page } of Object.values(WORDS)) expect(pages).toContain(page);
});
