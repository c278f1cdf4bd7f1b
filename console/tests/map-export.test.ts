import { describe, expect, it } from "vitest";
import type { DatabaseMap } from "../src/api/map";
import { dbml, markdown } from "../src/map/export";
import { graphOf, joinPath, type Step } from "../src/map/model";
import { joinSql } from "../src/map/sql";
import { identifier } from "../src/parts/quoting";
import { key, SHOP, shop } from "./keys";
import { relation } from "./relations";

const paths = [...shop.tables.keys()];

describe("DBML", () => {
  it("has tables with quoted names, keys and notes, and a line for each foreign key", () => {
    const text = dbml(shop, paths);
    expect(text).toContain('Table "shop"."orders" {\n  "id" "bigint" [pk]\n  "customer_id" "bigint"\n');
    expect(text).toContain("  Note: 'claimed by parcels, reporter'\n}");
    expect(text).toContain('Ref "orders_customer_id_fkey": "shop"."orders"."customer_id" > "shop"."customers"."id"\n');
  });

  it("has a key of several columns as an index, and as a reference", () => {
    const pair = relation("a.pair", ["x", "y"]);
    for (const column of pair.columns) column.key = true;
    const part = { ...key("a.other.x", "a.pair.x"), from_columns: ["x", "y"], to_columns: ["x", "y"] };
    const text = dbml(graphOf({ relations: [pair, relation("a.other", ["x", "y"])], foreign_keys: [part] }), [
      "a.pair",
      "a.other",
    ]);
    expect(text).toContain('  indexes {\n    ("x", "y") [pk]\n  }');
    expect(text).toContain('"a"."other".("x", "y") > "a"."pair".("x", "y")');
  });

  it("escapes quotes in names and comments", () => {
    const odd = relation("a.t", ['say "hi"\\']);
    odd.comment = "it's\ntwo lines";
    const text = dbml(graphOf({ relations: [odd], foreign_keys: [] }), ["a.t"]);
    expect(text).toContain('"say \\"hi\\"\\\\" "bigint"');
    expect(text).toContain("Note: '''it\\'s\ntwo lines'''");
  });

  it("has only what is shown", () => {
    const text = dbml(shop, ["shop.orders"]);
    expect(text).not.toContain("customers");
    expect(text).not.toContain("order_lines");
  });
});

describe("Markdown", () => {
  it("has a table of the columns of each table", () => {
    const text = markdown(shop, paths);
    expect(text).toContain("## shop.orders\n\ntable, owner owner, about 10 rows, claimed by parcels, reporter\n");
    expect(text).toContain("| customer\\_id | bigint | → shop.customers (id) |  |  |");
    expect(text).toContain("| id | bigint | primary | parcels, reporter |  |");
  });

  it("takes no markup from names and comments", () => {
    const odd = relation("a.t", ["a|b"]);
    odd.comment = "<img src=x>\n# *title* [x](y)";
    const text = markdown(graphOf({ relations: [odd], foreign_keys: [] }), ["a.t"]);
    expect(text).toContain("| a\\|b | bigint |");
    expect(text).toContain("&lt;img src=x&gt; \\# \\*title\\* \\[x\\](y)");
  });
});

describe("SQL", () => {
  it("quotes the names that need it", () => {
    expect(["orders", "order", "Orders", "a b", 'a"b', "1st"].map(identifier)).toEqual([
      "orders",
      '"order"',
      '"Orders"',
      '"a b"',
      '"a""b"',
      '"1st"',
    ]);
  });

  it("joins along a path", () => {
    const steps = joinPath(shop, "shop.customers", "shop.order_lines") as Step[];
    expect(joinSql(shop, "shop.customers", steps)).toBe(
      [
        "SELECT *",
        "  FROM shop.customers",
        "  JOIN shop.orders ON orders.customer_id = customers.id",
        "  JOIN shop.order_lines ON order_lines.order_id = orders.id",
        " LIMIT 100;",
      ].join("\n"),
    );
  });

  it("tells tables of the same name apart", () => {
    const map: DatabaseMap = {
      relations: [...SHOP.relations, relation("old.orders", ["id", "new_id"])],
      foreign_keys: [key("old.orders.new_id", "shop.orders.id")],
    };
    const graph = graphOf(map);
    const steps = joinPath(graph, "shop.orders", "old.orders") as Step[];
    expect(joinSql(graph, "shop.orders", steps)).toContain(
      "JOIN old.orders AS orders_2 ON orders_2.new_id = orders.id",
    );
  });
});
