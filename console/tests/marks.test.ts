import { describe, expect, it } from "vitest";
import { marksOf } from "../src/lab/marks";
import type { UnmetClaim } from "../src/lab/report";

function claim(stakeholder: string, field: string | null): UnmetClaim {
  const problems = [{ path: "shop.orders", field, message: "expected a column, found none" }];
  return { claim_id: 1, stakeholder, kind: "claims", path: "shop.orders", problems, hint: "" };
}

describe("the marks of a preview", () => {
  it("are the tables and columns that somebody would miss, with who", () => {
    const marks = marksOf([claim("a", "total"), claim("b", "total"), claim("c", null)]);
    expect([...marks.keys()]).toEqual(["shop.orders"]);
    const mark = marks.get("shop.orders");
    expect([...(mark?.columns ?? [])]).toEqual([
      ["total", "a: expected a column, found none; b: expected a column, found none"],
    ]);
    expect(mark?.reason).toContain("c: expected");
  });

  it("are none for a harmless migration", () => {
    expect(marksOf([]).size).toBe(0);
  });
});
