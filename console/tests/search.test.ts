import { describe, expect, it } from "vitest";
import type { DatabaseMap } from "../src/api/map";
import { entriesOf, ranked } from "../src/shell/search";
import { relation } from "./relations";

const map: DatabaseMap = {
  relations: [
    relation("shop.orders", ["id", "customer_id"], { reporter: ["id"] }),
    relation("shop.customers", ["id", "name"]),
  ],
  foreign_keys: [],
};
const names = (words: string) => ranked(entriesOf(map), words, 10).map((entry) => entry.name);

describe("the search", () => {
  it("finds tables, columns and stakeholders", () => {
    expect(names("reporter")).toEqual(["reporter"]);
    expect(names("customer_id")).toEqual(["shop.orders.customer_id"]);
  });

  it("shows a table before its columns", () => {
    expect(names("shop.customers")[0]).toBe("shop.customers");
    expect(names("customers")[0]).toBe("shop.customers");
  });

  it("needs every word, in any order", () => {
    expect(names("id orders")).toEqual(["shop.orders.id", "shop.orders.customer_id"]);
    expect(names("orders name")).toEqual([]);
  });

  it("is not case sensitive, and shows at most so many", () => {
    expect(names("ORDERS")).toContain("shop.orders");
    expect(ranked(entriesOf(map), "shop", 3)).toHaveLength(3);
  });
});
