import { expect, test } from "vitest";
import { isNumeric, keysOf } from "../src/workbench/answer";
import { planOf } from "../src/workbench/plan";
import { firstTable } from "../src/workbench/start";
import { explaining, formatted, running } from "../src/workbench/statement";

test("a statement breaks before clauses and sub-queries, and changes nowhere else", () => {
  const sql = `SELECT COALESCE(max(t."a FROM b"), ' WHERE ') FROM (SELECT x FROM "s"."t" AS t_1 WHERE (a OR b) LIMIT $1) AS s_2`;
  expect(formatted(sql)).toBe(
    `SELECT COALESCE(max(t."a FROM b"), ' WHERE ')\nFROM (\n  SELECT x\n  FROM "s"."t" AS t_1\n  WHERE (a OR b)\n  LIMIT $1\n) AS s_2`,
  );
  expect(formatted(sql).replaceAll(/\s+/g, "")).toBe(sql.replaceAll(/\s+/g, ""));
  expect(formatted("extract(year FROM now())")).toBe("extract(year FROM now())");
  expect(formatted(") 'open")).toBe(") 'open");
});

test("a trial runs the statement with its parameters as literals", () => {
  const statement = { text: "SELECT $1::text AS body", parameters: ["it's", null, "a\\b"] };
  expect(running(statement)).toMatch(/EXECUTE workbench\('it''s', NULL, E'a\\\\b'\);$/);
  expect(explaining({ text: "SELECT 1", parameters: [] })).toBe(
    "PREPARE workbench AS SELECT 1;\nEXPLAIN EXECUTE workbench;",
  );
});

test("a plan is a tree with its estimates", () => {
  const root = planOf([
    "Aggregate  (cost=10.00..10.50 rows=1 width=32)",
    "  CTE answer",
    "    ->  Seq Scan on orders t_1  (cost=0.00..4.00 rows=200 width=8)",
    "          Filter: (id < 4)",
    "  ->  Limit  (cost=0.00..5.00 rows=5 width=8)",
    "        ->  Index Scan using orders_pkey on orders  (cost=0.15..9.00 rows=50 width=8)",
  ]);
  expect(root?.cost).toBe(10.5);
  expect(root?.details).toEqual(["CTE answer"]);
  expect(root?.inner.map(({ what }) => what)).toEqual(["Seq Scan on orders t_1", "Limit"]);
  expect(root?.inner[0]?.details).toEqual(["Filter: (id < 4)"]);
  expect(root?.inner[1]?.inner[0]?.rows).toBe(50);
  expect(planOf([])).toBe(null);
});

test("keys come from all rows, and numbers are known", () => {
  const rows = [
    { a: 1, b: null },
    { a: null, c: "x" },
  ];
  expect(keysOf(rows)).toEqual(["a", "b", "c"]);
  expect([isNumeric(rows, "a"), isNumeric(rows, "b"), isNumeric(rows, "c")]).toEqual([true, false, false]);
});

test("the first query is of the first plain table", () => {
  const match = [{ path: 'shop."Odd"' }, { path: "shop.*" }, { alternatives: [{ path: "shop.orders" }] }];
  expect(firstTable({ type: "CLAIMS", match } as never)).toBe("/orders?limit=5");
  expect(firstTable({ type: "CLAIMS", match: [] } as never)).toBe(null);
});
