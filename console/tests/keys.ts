// Foreign keys and whole maps for tests.

import type { DatabaseMap, ForeignKey } from "../src/api/map";
import { type Graph, graphOf } from "../src/map/model";
import { relation } from "./relations";

/** "shop.orders.customer_id" refers to "shop.customers.id". */
export function key(from: string, to: string): ForeignKey {
  const [schema = "", table = "", column = ""] = from.split(".");
  const [toSchema = "", toTable = "", toColumn = ""] = to.split(".");
  return {
    name: `${table}_${column}_fkey`,
    from_path: `${schema}.${table}`,
    from_columns: [column],
    to_path: `${toSchema}.${toTable}`,
    to_columns: [toColumn],
  };
}

export const SHOP: DatabaseMap = {
  relations: [
    relation("shop.customers", ["id", "name", "email"], { reporter: ["id", "email"] }),
    relation("shop.orders", ["id", "customer_id", "status"], { parcels: ["id", "status"], reporter: ["id"] }),
    relation("shop.order_lines", ["order_id", "product_id", "quantity"]),
    relation("shop.products", ["id", "sku"]),
    relation("shop.visits", ["page"]),
    relation("hr.people", ["id", "boss_id"]),
  ],
  foreign_keys: [
    key("shop.orders.customer_id", "shop.customers.id"),
    key("shop.order_lines.order_id", "shop.orders.id"),
    key("shop.order_lines.product_id", "shop.products.id"),
    key("hr.people.boss_id", "hr.people.id"),
  ],
};

export const shop: Graph = graphOf(SHOP);

/** A database of so many tables in eight schemas; most of them refer to others. */
export function large(tables: number): Graph {
  const path = (index: number) => `s${index % 8}.t${index}`;
  const relations = Array.from({ length: tables }, (_, index) =>
    relation(
      path(index),
      Array.from({ length: 6 + (index % 9) }, (_, column) => (column === 0 ? "id" : `c${column}`)),
      index % 3 === 0 ? { [`st${index % 10}`]: ["id"] } : {},
    ),
  );
  const keys = Array.from({ length: tables }, (_, index) => index)
    .filter((index) => index >= 16 && index % 5 !== 0)
    .map((index) => key(`${path(index)}.c1`, `${path((index >> 4) * 8 + (index % 8))}.id`));
  return graphOf({ relations, foreign_keys: keys });
}
