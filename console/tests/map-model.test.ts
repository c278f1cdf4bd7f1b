import { describe, expect, it } from "vitest";
import { matching } from "../src/map/list";
import { code, graphOf, joinPath, neighbourhood, rowsOf, type Table } from "../src/map/model";
import { SHOP, shop } from "./keys";
import { relation } from "./relations";

const table = (path: string) => shop.tables.get(path) as Table;

describe("the graph", () => {
  it("knows the claims of tables and columns, each stakeholder once", () => {
    const twice = relation("a.t", ["id"], { reporter: ["id"] });
    twice.dependents.push({
      stakeholder: "reporter",
      kind: "queries",
      dependency: "optional",
      columns: { id: "optional" },
    });
    const graph = graphOf({ relations: [twice], foreign_keys: [] });
    expect(graph.tables.get("a.t")?.claims).toEqual([{ stakeholder: "reporter", dependency: "required" }]);
    expect(graph.tables.get("a.t")?.columnClaims.get("id")).toEqual([
      { stakeholder: "reporter", dependency: "required" },
    ]);
  });

  it("knows the keys of both sides", () => {
    expect(table("shop.orders").outgoing.map((key) => key.to_path)).toEqual(["shop.customers"]);
    expect(table("shop.orders").incoming.map((key) => key.from_path)).toEqual(["shop.order_lines"]);
    expect([...table("shop.orders").referring]).toEqual(["customer_id"]);
  });

  it("leaves out a key to a table that the user may not see", () => {
    const hidden = SHOP.relations.filter(({ path }) => path !== "shop.customers");
    expect(graphOf({ ...SHOP, relations: hidden }).keys).toHaveLength(3);
  });

  it("gives each stakeholder letters", () => {
    expect([...shop.codes]).toEqual([
      ["parcels", "A"],
      ["reporter", "B"],
    ]);
    expect([code(25), code(26), code(27), code(52)]).toEqual(["Z", "AA", "AB", "BA"]);
  });
});

describe("the neighbourhood", () => {
  it("grows by each step, in both directions", () => {
    expect(neighbourhood(shop, "shop.customers", 1, 99).paths).toEqual(["shop.customers", "shop.orders"]);
    expect(neighbourhood(shop, "shop.customers", 2, 99).paths.at(-1)).toBe("shop.order_lines");
    expect(neighbourhood(shop, "shop.customers", 4, 99).paths).toHaveLength(4);
  });

  it("ends at a limit with the nearest, and says how many are left", () => {
    const found = neighbourhood(shop, "shop.orders", 2, 2);
    expect(found).toEqual({ paths: ["shop.orders", "shop.customers"], left: 2 });
  });

  it("of a table that does not exist is empty", () => {
    expect(neighbourhood(shop, "shop.nothing", 2, 9)).toEqual({ paths: [], left: 0 });
  });
});

describe("the join path", () => {
  it("is the shortest chain of keys, whatever their direction", () => {
    const steps = joinPath(shop, "shop.customers", "shop.products");
    expect(steps?.map((step) => step.to)).toEqual(["shop.orders", "shop.order_lines", "shop.products"]);
    expect(steps?.map((step) => step.key.name)).toEqual([
      "orders_customer_id_fkey",
      "order_lines_order_id_fkey",
      "order_lines_product_id_fkey",
    ]);
  });

  it("of tables that nothing connects does not exist", () => {
    expect(joinPath(shop, "shop.customers", "shop.visits")).toBeNull();
    expect(joinPath(shop, "shop.customers", "shop.nothing")).toBeNull();
  });

  it("from a table to itself has no step", () => {
    expect(joinPath(shop, "hr.people", "hr.people")).toEqual([]);
  });
});

describe("the rows of a box", () => {
  it("are all columns where they fit", () => {
    expect(rowsOf(table("shop.orders"), 3)).toEqual({ columns: table("shop.orders").relation.columns, left: 0 });
  });

  it("are keys and claimed columns first, in the order of the table", () => {
    const wide = relation("a.t", ["a", "b", "id", "c", "claimed", "d"], { reporter: ["claimed"] });
    const only = graphOf({ relations: [wide], foreign_keys: [] }).tables.get("a.t") as Table;
    const rows = rowsOf(only, 4);
    expect(rows.columns.map(({ name }) => name)).toEqual(["a", "id", "claimed"]);
    expect(rows.left).toBe(3);
  });
});

describe("the list", () => {
  const paths = (find: string) => matching(shop, find).map((found) => found.relation.path);

  it("finds tables by name, by stakeholder and by column, names first", () => {
    expect(paths("order")).toEqual(["shop.order_lines", "shop.orders"]);
    expect(paths("reporter")).toEqual(["shop.customers", "shop.orders"]);
    expect(paths("sku")).toEqual(["shop.products"]);
    expect(paths("id")[0]).toBe("hr.people");
  });

  it("needs every word, and shows all without any", () => {
    expect(paths("shop parcels")).toEqual(["shop.orders"]);
    expect(paths("orders nothing")).toEqual([]);
    expect(paths("")).toHaveLength(6);
  });
});
