import { describe, expect, it } from "vitest";
import { COLOURINGS, PALETTES, scaleOf } from "../src/map/colours";
import { cut, draw, type Look, type Mark, type Pen, short } from "../src/map/draw";
import { svg } from "../src/map/export";
import { overview } from "../src/map/layout";
import { graphOf, type Table } from "../src/map/model";
import { xml } from "../src/map/pens";
import { between } from "../src/map/theme";
import { large, shop } from "./keys";
import { relation } from "./relations";

const theme = {
  ground: "#fff",
  raised: "#fff",
  sunken: "#eee",
  line: "#ccc",
  edge: "#999",
  ink: "#000",
  quiet: "#555",
  accent: "#00f",
  bad: "#f00",
  badGround: "#fee",
};

function lookAt(graph = shop, marks: Map<string, Mark> = new Map()): Look {
  const { legend } = scaleOf("stakeholder", graph, "light");
  return {
    theme,
    scale: scaleOf("stakeholder", graph, "light"),
    shades: new Map(legend.map((item) => [item.label, item])),
    chosen: null,
    column: null,
    hovered: null,
    path: { tables: new Set(), keys: new Set() },
    statistics: new Map(),
    marks,
  };
}

function recorded() {
  const texts: string[] = [];
  const strokes: string[] = [];
  const fills: string[] = [];
  const pen: Pen = {
    rectangle: (_, { stroke, fill }) => {
      if (stroke) strokes.push(stroke.colour);
      if (fill) fills.push(fill);
    },
    lines: () => undefined,
    polygon: () => undefined,
    text: (text) => void texts.push(text),
  };
  return { pen, texts, strokes, fills };
}

describe("drawing", () => {
  const layout = overview(shop);
  const at = (scale: number) => {
    const record = recorded();
    draw(record.pen, layout, lookAt(), { ...layout.bounds, scale });
    return record;
  };

  it("shows more the nearer it is", () => {
    expect(at(0.05).texts.filter((text) => text === "orders")).toEqual([]);
    expect(at(0.2).texts).toContain("orders");
    expect(at(0.2).texts).not.toContain("customer_id");
    expect(at(0.6).texts).toContain("customer_id");
    expect(at(0.6).texts).not.toContain("bigint?");
    expect(at(1).texts).toContain("bigint?");
  });

  it("says who claims a table without its colour", () => {
    expect(at(0.3).texts).toContain("A B");
    expect(at(1).texts.filter((text) => text === "A" || text === "B")).toHaveLength(5);
  });

  it("leaves out what is out of view", () => {
    const graph = large(1000);
    const all = overview(graph);
    const first = all.boxes[0] as { x: number; y: number };
    const record = recorded();
    draw(record.pen, all, lookAt(graph), { x: first.x, y: first.y, width: 600, height: 400, scale: 1 });
    expect(record.texts.length).toBeLessThan(250);
  });

  it("marks tables and columns red, with the reason", () => {
    const mark: Mark = { reason: "parcels would lose status", columns: new Map([["status", "claimed by parcels"]]) };
    const record = recorded();
    draw(record.pen, layout, lookAt(shop, new Map([["shop.orders", mark]])), { ...layout.bounds, scale: 1 });
    expect(record.texts).toContain("! parcels would lose status");
    expect(record.strokes).toContain(theme.bad);
    // The reason's, and the column's.
    expect(record.fills.filter((fill) => fill === theme.badGround)).toHaveLength(2);
    expect(at(1).strokes).not.toContain(theme.bad);
  });

  it("cuts what is too long, and leaves out what has no space", () => {
    expect(cut("a_very_long_name", { size: 10, fill: "", width: 60, mono: true })).toBe("a_very_l…");
    expect(cut("name", { size: 10, fill: "", width: 5 })).toBe("");
    expect(cut("name", { size: 10, fill: "" })).toBe("name");
  });

  it("names types as people do", () => {
    expect(short("timestamp with time zone")).toBe("timestamptz");
    expect(short("timestamp(3) without time zone")).toBe("timestamp(3)");
    expect(short("character varying(80)")).toBe("varchar(80)");
    expect(short("shop.character varying")).toBe("shop.character varying");
  });
});

describe("the picture as SVG", () => {
  it("has all names as text, and no markup of theirs", () => {
    const evil = graphOf({
      relations: [relation(`public."><img src=x>`, ["<script>&"], {})],
      foreign_keys: [],
    });
    const picture = svg(overview(evil), lookAt(evil));
    expect(picture).toContain("&lt;script&gt;&amp;");
    const parsed = new DOMParser().parseFromString(picture, "image/svg+xml");
    expect(parsed.querySelector("parsererror, script, img")).toBeNull();
    expect([...parsed.querySelectorAll("text")].map((text) => text.textContent)).toContain(`"><img src=x>`);
  });

  it("replaces what XML cannot contain", () => {
    expect(xml("a\u0001b\uD800c&😀")).toBe("a\uFFFDb\uFFFDc&amp;😀");
  });
});

describe("the colours", () => {
  const linear = (value: number) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = (hex: string) => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((place) =>
      linear(Number.parseInt(hex.slice(place, place + 2), 16) / 255),
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one: string, other: string) => {
    const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };

  it.each([
    ["light", "#1d2023"],
    ["dark", "#e6e8ea"],
  ] as const)("of the %s theme are readable", (name, ink) => {
    const { none, named, steps } = PALETTES[name];
    for (const colour of [none, ...named, ...steps]) expect(contrast(colour, ink)).toBeGreaterThan(4.5);
  });

  it.each(COLOURINGS)("by %s give each table a shade of the legend", (colouring) => {
    const scale = scaleOf(colouring, shop, "dark");
    const known = new Set(scale.legend.map((item) => item.colour));
    for (const table of shop.tables.values()) {
      for (const shade of scale.of(table)) expect(known).toContain(shade.colour);
    }
  });

  it("by claims have a number, and by stakeholder the stakeholders' letters", () => {
    const orders = shop.tables.get("shop.orders") as Table;
    const codes = (colouring: (typeof COLOURINGS)[number]) =>
      scaleOf(colouring, shop, "light")
        .of(orders)
        .map((shade) => shade.code);
    expect(codes("claims")).toEqual(["2"]);
    expect(codes("stakeholder")).toEqual(["A", "B"]);
    expect(codes("size")).toEqual(["8.0 kB"]);
  });

  it("are mixed in a form that every reader of SVG knows", () => {
    expect(between("rgb(0, 0, 0)", "rgb(200, 100, 51)")).toBe("rgb(100, 50, 26)");
  });
});
