// What the colours of the map mean. Each also has a short text, so that the map is readable without colour.

import { bytes } from "../parts/format";
import type { Graph, Table } from "./model";

export const COLOURINGS = ["stakeholder", "claims", "size", "schema"] as const;
export type Colouring = (typeof COLOURINGS)[number];

export interface Shade {
  colour: string;
  /** What the box says when it has space for a few letters. */
  code: string;
}

export interface LegendItem extends Shade {
  label: string;
  /** What finds these tables in the list. */
  find?: string;
}

export interface Scale {
  legend: LegendItem[];
  /** The shades of a table, side by side; none: nothing is known, or nobody claims it. */
  of: (table: Table) => Shade[];
}

interface Palette {
  none: string;
  named: readonly string[];
  steps: readonly string[];
}

/** The ink of each theme is readable on each of its colours: at least 4.5 : 1. */
export const PALETTES: Record<"light" | "dark", Palette> = {
  light: {
    none: "#ffffff",
    named: ["#9cc7ee", "#f4b183", "#a5d6a7", "#d6b3e6", "#f2d06b", "#8fd3d1", "#f3a6b8", "#cbc4a8"],
    steps: ["#e3eef9", "#bfdaf3", "#93bfe9", "#669fda"],
  },
  dark: {
    none: "#1e2125",
    named: ["#1f5e94", "#864818", "#28652f", "#6b4084", "#72600f", "#1c6260", "#8a3850", "#5d5840"],
    steps: ["#22384d", "#224a6e", "#225b8c", "#2768a0"],
  },
};

const KB = 1024;
const SIZES: readonly [number, string][] = [
  [1024 * KB, "below 1 MB"],
  [100 * 1024 * KB, "1 to 100 MB"],
  [10 * 1024 * 1024 * KB, "100 MB to 10 GB"],
  [Infinity, "10 GB and more"],
];

export function scaleOf(colouring: Colouring, graph: Graph, theme: "light" | "dark"): Scale {
  const palette = PALETTES[theme];
  const named = (index: number) => palette.named[index % palette.named.length] as string;
  const step = (index: number) => palette.steps[Math.min(index, palette.steps.length - 1)] as string;
  switch (colouring) {
    case "stakeholder": {
      const shades = new Map(
        graph.stakeholders.map((name, index) => [name, { colour: named(index), code: graph.codes.get(name) ?? "" }]),
      );
      return {
        legend: [
          ...[...shades].map(([name, shade]) => ({ ...shade, label: name, find: name })),
          { colour: palette.none, code: "", label: "nobody" },
        ],
        of: (table) => table.claims.flatMap(({ stakeholder }) => shades.get(stakeholder) ?? []),
      };
    }
    case "claims":
      return {
        legend: [
          { colour: palette.none, code: "0", label: "no stakeholder" },
          { colour: step(0), code: "1", label: "stakeholder" },
          { colour: step(1), code: "2", label: "stakeholders" },
          { colour: step(2), code: "3", label: "stakeholders" },
          { colour: step(3), code: "4", label: "or more" },
        ],
        of: ({ claims }) =>
          claims.length === 0 ? [] : [{ colour: step(claims.length - 1), code: String(claims.length) }],
      };
    case "size":
      return {
        legend: [
          { colour: palette.none, code: "–", label: "no size known, or a view" },
          ...SIZES.map(([, label], index) => ({ colour: step(index), code: "▮".repeat(index + 1), label })),
        ],
        of: ({ relation }) => {
          if (relation.bytes === null) return [];
          const size = relation.bytes;
          return [{ colour: step(SIZES.findIndex(([limit]) => size < limit)), code: bytes(size) }];
        },
      };
    case "schema": {
      const shades = new Map(graph.schemas.map((name, index) => [name, { colour: named(index), code: "" }]));
      return {
        legend: [...shades].map(([name, shade]) => ({ ...shade, label: name, find: `${name}.` })),
        of: ({ relation }) => {
          const shade = shades.get(relation.schema_name);
          return shade ? [shade] : [];
        },
      };
    }
  }
}
