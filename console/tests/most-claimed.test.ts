import { describe, expect, it } from "vitest";
import { mostClaimed, rename } from "../src/home/most-claimed";
import { relation } from "./relations";

describe("the column that most depend on", () => {
  it("is found, and of equals the one that is no key", () => {
    const relations = [
      relation("shop.customers", ["id", "email"], { a: ["id"] }),
      relation("shop.orders", ["id", "status"], { a: ["id", "status"], b: ["id", "status"] }),
    ];
    expect(mostClaimed(relations)).toEqual({ path: "shop.orders", column: "status", stakeholders: ["a", "b"] });
  });

  it("is nothing where nobody claims a column of a table", () => {
    expect(mostClaimed([relation("shop.orders", ["id"])])).toBeNull();
    const view = { ...relation("shop.open", ["status"], { a: ["status"] }), kind: "view" as const };
    expect(mostClaimed([view])).toBeNull();
  });

  it("is renamed in a statement with quotes where they are needed", () => {
    expect(rename({ path: "shop.orders", column: "status", stakeholders: [] })).toBe(
      "ALTER TABLE shop.orders RENAME COLUMN status TO status_new;",
    );
    expect(rename({ path: "shop.orders", column: 'a "b"', stakeholders: [] })).toContain('"a ""b""" TO "a ""b""_new"');
  });
});
