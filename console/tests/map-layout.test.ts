import { describe, expect, it } from "vitest";
import { curves, hit, type Layout, overlaps, overview, packed, type Rectangle } from "../src/map/layout";
import { graphOf } from "../src/map/model";
import { key, large, SHOP, shop } from "./keys";
import { relation } from "./relations";

function collisions(boxes: readonly Rectangle[]): number {
  let number = 0;
  boxes.forEach((one, index) => {
    for (const other of boxes.slice(index + 1)) number += overlaps(one, other) ? 1 : 0;
  });
  return number;
}

function within(inner: Rectangle, outer: Rectangle): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

const boxOf = (layout: Layout, path: string) =>
  layout.boxes.find((box) => box.path === path) as Layout["boxes"][number];

describe("the overview", () => {
  const graph = large(1000);
  const layout = overview(graph);

  it("puts every table into its schema, and none above another", () => {
    expect(layout.boxes).toHaveLength(1000);
    expect(collisions(layout.boxes)).toBe(0);
    expect(collisions(layout.groups)).toBe(0);
    for (const box of layout.boxes) {
      const group = layout.groups.find(({ name }) => name === box.table.relation.schema_name) as Rectangle;
      expect(within(box, group)).toBe(true);
    }
    for (const group of layout.groups) expect(within(group, layout.bounds)).toBe(true);
  });

  it("is the same every time, in whatever order the catalog answers", () => {
    const places = (of: Layout) => Object.fromEntries(of.boxes.map(({ path, x, y }) => [path, [x, y]]));
    const turned = graphOf({ relations: [...SHOP.relations].reverse(), foreign_keys: SHOP.foreign_keys });
    expect(places(overview(turned))).toEqual(places(overview(shop)));
    expect(places(overview(large(1000)))).toEqual(places(layout));
  });

  it("of 1,000 tables takes a part of a second", () => {
    const start = performance.now();
    overview(large(1000));
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it("is about as wide as a screen, not a column", () => {
    const aspect = layout.bounds.width / layout.bounds.height;
    expect(aspect).toBeGreaterThan(0.8);
    expect(aspect).toBeLessThan(2.6);
  });

  it("spreads the many neighbours of one table to all sides", () => {
    const paths = Array.from({ length: 40 }, (_, index) => `a.t${index}`);
    const { bounds } = overview(
      graphOf({
        relations: paths.map((path) => relation(path, ["id", "hub"])),
        foreign_keys: paths.slice(1).map((path) => key(`${path}.hub`, "a.t0.id")),
      }),
    );
    expect(bounds.width / bounds.height).toBeGreaterThan(0.6);
    expect(bounds.width / bounds.height).toBeLessThan(3);
  });

  it("puts connected tables side by side, and others aside", () => {
    const placed = overview(shop);
    const middle = (path: string) => {
      const box = boxOf(placed, path);
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    };
    const far = (a: string, b: string) => Math.hypot(middle(a).x - middle(b).x, middle(a).y - middle(b).y);
    expect(far("shop.orders", "shop.customers")).toBeLessThan(far("shop.visits", "shop.customers") + 300);
    expect(far("shop.orders", "shop.customers")).toBeLessThan(400);
  });

  it("draws each key once, also one to the same table", () => {
    expect(
      overview(shop)
        .edges.map((edge) => edge.key.name)
        .sort(),
    ).toEqual([
      "order_lines_order_id_fkey",
      "order_lines_product_id_fkey",
      "orders_customer_id_fkey",
      "people_boss_id_fkey",
    ]);
  });

  it("of an empty database is empty", () => {
    expect(overview(graphOf({ relations: [], foreign_keys: [] }))).toMatchObject({ boxes: [], groups: [], edges: [] });
  });
});

describe("the edges", () => {
  it("begin and end at the rows of their columns, at the sides that face each other", () => {
    const layout = overview(shop);
    const boxes = new Map(layout.boxes.map((box) => [box.path, box]));
    const [from, to] = [boxOf(layout, "shop.orders"), boxOf(layout, "shop.customers")];
    Object.assign(from, { x: 0, y: 0 });
    Object.assign(to, { x: 1000, y: 0 });
    const edge = curves(shop.keys, boxes).find(({ key }) => key.name === "orders_customer_id_fkey");
    expect(edge?.points[0]).toEqual({ x: 260, y: 60 });
    expect(edge?.points.at(-1)).toEqual({ x: 1000, y: 40 });
  });
});

describe("a point", () => {
  const layout = overview(shop);
  const box = boxOf(layout, "shop.orders");

  it("is of a table, and of a column where its row is", () => {
    expect(hit(layout, { x: box.x + 5, y: box.y + 5 })).toEqual({ path: "shop.orders", column: null });
    expect(hit(layout, { x: box.x + 5, y: box.y + 30 + 25 })).toEqual({ path: "shop.orders", column: "customer_id" });
  });

  it("beside all tables is of none", () => {
    expect(hit(layout, { x: -1000, y: 0 })).toBeNull();
  });
});

describe("shelves", () => {
  it("fill about the aspect that was asked for", () => {
    const parts = Array.from({ length: 40 }, () => ({ x: 0, y: 0, width: 100, height: 100 }));
    const { width, height } = packed(parts, 10, 1.5);
    expect(collisions(parts)).toBe(0);
    expect(width / height).toBeGreaterThan(1);
    expect(width / height).toBeLessThan(2.2);
  });
});
