import { beforeEach, describe, expect, it } from "vitest";
import { change, go, link, parse, place } from "../src/routing";

describe("a link", () => {
  it("is read back as what it was made of", () => {
    const url = link("map", { table: 'a "b".ä/c', depth: "2" }, "x/y", "ü");
    const read = parse(url);
    expect(read.view).toBe("map");
    expect(read.rest).toEqual(["x/y", "ü"]);
    expect(Object.fromEntries(read.query)).toEqual({ table: 'a "b".ä/c', depth: "2" });
  });

  it("leaves out what has no value", () => {
    expect(link("map", { table: null, depth: "" })).toBe("/console/map");
    expect(link("")).toBe("/console/");
  });

  it("survives a broken escape", () => {
    expect(parse("/console/map/%E0%A4%A").rest).toEqual(["%E0%A4%A"]);
  });

  it("outside of the console is the home view", () => {
    expect(parse("/consoles/map").view).toBe("");
  });
});

describe("the place", () => {
  beforeEach(() => go("/console/map?table=shop.orders"));

  it("follows go, and change keeps the other values", () => {
    change({ depth: "2" });
    expect(location.pathname + location.search).toBe("/console/map?table=shop.orders&depth=2");
    expect(place.value.query.get("depth")).toBe("2");
    change({ table: null });
    expect(place.value.query.has("table")).toBe(false);
  });
});
