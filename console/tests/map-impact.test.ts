import { describe, expect, it } from "vitest";
import { changesOf, type Dependent, type DependentObject, grouped, listed, queryOf } from "../src/map/impact";
import { waysOf } from "../src/map/impact-section";
import { graphOf, type Table } from "../src/map/model";
import { distinct } from "../src/map/statistics";
import { shop } from "./keys";
import { relation } from "./relations";

const table = (path: string) => shop.tables.get(path) as Table;
const depends = (stakeholder: string, dependency: string, kind = "claims"): Dependent => ({
  stakeholder,
  kind,
  dependency,
});

describe("what a change would do", () => {
  it("is refused where a stakeholder requires it", () => {
    const [drop, rename] = changesOf(table("shop.orders"), "status", [depends("parcels", "required")], []);
    expect(drop?.sql).toBe("ALTER TABLE shop.orders DROP COLUMN status;");
    expect(drop?.outcome).toBe("refused");
    expect(drop?.words).toEqual(["COMMIT refuses it: parcels requires it."]);
    expect(rename?.sql).toBe("ALTER TABLE shop.orders RENAME COLUMN status TO status_new;");
    expect(rename?.outcome).toBe("refused");
  });

  it("depends on the other alternatives, and passes for optional claims", () => {
    expect(changesOf(table("shop.visits"), "page", [depends("a", "alternative")], [])[0]?.outcome).toBe("depends");
    expect(changesOf(table("shop.visits"), "page", [depends("a", "optional")], [])[0]?.outcome).toBe("passes");
    expect(changesOf(table("shop.visits"), "page", [], [])[0]?.words).toEqual([
      "No contract is in the way: no stakeholder depends on it.",
    ]);
  });

  it("says which foreign keys hold a table or column", () => {
    const [drop, rename] = changesOf(table("shop.customers"), null, [], []);
    expect(drop?.outcome).toBe("refused");
    expect(drop?.words.at(-1)).toContain("foreign keys of shop.orders refer to it");
    expect(rename?.outcome).toBe("passes");
    expect(changesOf(table("shop.orders"), "customer_id", [], [])[0]?.words.at(-1)).toContain("shop.customers away");
    // A key to the table itself goes with it.
    expect(changesOf(table("hr.people"), null, [], [])[0]?.outcome).toBe("passes");
  });

  it("says which objects hold it, but not those that go with the table", () => {
    const objects: DependentObject[] = [
      { kind: "view", name: "shop.open", on_path: null, columns: ["page"] },
      { kind: "trigger", name: "touch", on_path: "shop.visits", columns: [] },
    ];
    const words = (column: string | null) => changesOf(table("shop.visits"), column, [], objects)[0]?.words.at(-1);
    expect(words(null)).toBe("Postgres refuses it without CASCADE: view shop.open uses it.");
    expect(words("page")).toBe("Postgres refuses it without CASCADE: view shop.open uses it.");
    expect(changesOf(table("shop.visits"), null, [], objects.slice(1))[0]?.outcome).toBe("passes");
    expect(changesOf(table("shop.visits"), null, [], objects)[1]?.outcome).toBe("passes");
  });

  it("names the kind of the relation, and quotes it", () => {
    const view = { ...relation("a.Order", ["id"]), kind: "view" as const };
    const only = graphOf({ relations: [view], foreign_keys: [] }).tables.get("a.Order") as Table;
    expect(changesOf(only, null, [], []).map(({ sql }) => sql)).toEqual([
      'DROP VIEW a."Order";',
      'ALTER VIEW a."Order" RENAME TO "Order_new";',
    ]);
    expect(changesOf(only, "id", [], [])).toHaveLength(1);
  });
});

describe("the dependents", () => {
  it("are grouped by how much they depend", () => {
    const groups = grouped([depends("a", "optional"), depends("b", "required"), depends("c", "alternative")]);
    expect(groups.required.map(({ stakeholder }) => stakeholder)).toEqual(["b"]);
    expect(groups.optional.map(({ stakeholder }) => stakeholder)).toEqual(["a"]);
  });

  it("may be saved queries", () => {
    expect(queryOf(depends("a", "required", "query late orders"))).toBe("late orders");
    expect(queryOf(depends("a", "required"))).toBeNull();
  });

  it("are listed as a sentence has them", () => {
    expect([listed(["a"]), listed(["a", "b"]), listed(["a", "b", "a", "c"])]).toEqual(["a", "a and b", "a, b and c"]);
  });
});

describe("the other ways", () => {
  it("quote what they contain", () => {
    expect(waysOf("shop.orders", "status")).toEqual({
      sql: "SELECT * FROM integratedb_dependents('shop.orders', 'status');",
      http: "GET /api/v1/dependents?path=shop.orders&field=status",
      cli: "integratedb dependents shop.orders status",
    });
    expect(waysOf("shop.it's", null).cli).toBe("integratedb dependents 'shop.it'\\''s'");
    expect(waysOf("shop.it's", null).sql).toBe("SELECT * FROM integratedb_dependents('shop.it''s');");
  });
});

describe("statistics", () => {
  it("are said in words", () => {
    expect([-1, -0.15, 1, 4].map(distinct)).toEqual(["unique", "15 % distinct", "1 value", "4 values"]);
  });
});
