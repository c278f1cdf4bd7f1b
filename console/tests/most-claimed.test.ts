import { describe, expect, it } from "vitest";
import { mostClaimed, rename } from "../src/home/most-claimed";
import { relation } from "./relations";

describe("the column that most depend on", () => {
  it("is found, and of equals the one that is no key", () => {
    const relations = [
      relation("shop.customers", ["id", "email"], { a: ["id"] }),
      relation("shop.orders", ["id", "status"], { a: ["id", "status"], b: ["id", "status"] }),
    ];
    expect(mostClaimed(relations)).toEqual({ relation: relations[1], column: "status", stakeholders: ["a", "b"] });
  });

  it("is nothing where nobody claims a column of a table", () => {
    expect(mostClaimed([relation("shop.orders", ["id"])])).toBeNull();
    const view = { ...relation("shop.open", ["status"], { a: ["status"] }), kind: "view" as const };
    expect(mostClaimed([view])).toBeNull();
  });

  it("is renamed in a statement with quotes where they are needed", () => {
    const orders = { relation: relation("shop.orders", []), column: "status", stakeholders: [] };
    expect(rename(orders)).toBe("ALTER TABLE shop.orders RENAME COLUMN status TO status_new;");
    const odd = { relation: relation("shop.Order", []), column: 'a "b"', stakeholders: [] };
    expect(rename(odd)).toBe('ALTER TABLE shop."Order" RENAME COLUMN "a ""b""" TO "a ""b""_new";');
  });
});
