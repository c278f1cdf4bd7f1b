// Where each table stands: pure and deterministic, so that the same database always gives the same picture.

import type { ForeignKey } from "../api/map";
import { byName, type Graph, neighbours, type Rows, rowsOf, type Table } from "./model";

export const WIDTH = 260;
export const HEADER = 30;
export const ROW = 20;
const FOOT = 6;
const GAP_X = 60;
const GAP_Y = 36;
const PADDING = 48;
/** The space for a schema's name, which is also read where the schema is far away. */
const TITLE = { least: 40, most: 600, part: 0.12 };
/** At most so many rows in a box; the chosen table of a neighbourhood has more. */
export const ROWS = 14;
export const MANY_ROWS = 60;

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Box extends Rectangle {
  path: string;
  table: Table;
  rows: Rows;
}

export interface Group extends Rectangle {
  name: string;
  tables: number;
  /** How much of the height is for the name. */
  title: number;
}

export interface Point {
  x: number;
  y: number;
}

export interface Edge {
  key: ForeignKey;
  /** Four points of a curve, or any number of a line with corners; from the referring to the referenced table. */
  points: Point[];
  curved: boolean;
  bounds: Rectangle;
}

export interface Layout {
  boxes: Box[];
  groups: Group[];
  edges: Edge[];
  bounds: Rectangle;
}

export function boxOf(table: Table, limit: number): Box {
  const rows = rowsOf(table, limit);
  const height = HEADER + (rows.columns.length + (rows.left > 0 ? 1 : 0)) * ROW + FOOT;
  return { path: table.relation.path, table, rows, x: 0, y: 0, width: WIDTH, height };
}

/** The middle of a column's row, or of the header where the column has no row. */
export function rowOf(box: Box, column: string | undefined): number {
  const index = box.rows.columns.findIndex(({ name }) => name === column);
  return index < 0 ? HEADER / 2 : HEADER + index * ROW + ROW / 2;
}

/** All tables: a box for each schema, in it the tables that foreign keys connect side by side, and the others aside. */
export function overview(graph: Graph): Layout {
  const boxes = new Map<string, Box>();
  for (const [path, table] of graph.tables) boxes.set(path, boxOf(table, ROWS));
  const schemas = graph.schemas.map((name) => {
    const members = [...graph.tables.keys()].filter((path) => graph.tables.get(path)?.relation.schema_name === name);
    const inner = packedSchema(graph, members, boxes);
    return {
      group: { name, tables: members.length, x: 0, y: 0, width: inner.width, height: inner.height, title: inner.title },
      members,
    };
  });
  const bounds = packed(
    schemas.map(({ group }) => group),
    120,
    1.5,
  );
  for (const { group, members } of schemas) {
    for (const path of members) {
      const box = boxes.get(path) as Box;
      box.x += group.x + PADDING;
      box.y += group.y + group.title;
    }
  }
  return {
    boxes: [...boxes.values()],
    groups: schemas.map(({ group }) => group),
    edges: curves(graph.keys, boxes),
    bounds,
  };
}

/** Places the tables of a schema from (0, 0) on, and returns the size of the schema's box. */
function packedSchema(
  graph: Graph,
  members: string[],
  boxes: Map<string, Box>,
): Omit<Rectangle, "x" | "y"> & { title: number } {
  const inside = new Set(members);
  const parts: (Rectangle & { boxes: Box[] })[] = [];
  const alone: Box[] = [];
  for (const component of components(graph, members, inside)) {
    const own = component.map((path) => boxes.get(path) as Box);
    if (own.length === 1) alone.push(own[0] as Box);
    else parts.push({ ...placedByConnection(graph, component, boxes), boxes: own });
  }
  if (alone.length > 0) parts.push({ ...inColumns(alone), boxes: alone });
  const bounds = packed(parts, GAP_X, 1.4);
  for (const part of parts) {
    for (const box of part.boxes) {
      box.x += part.x;
      box.y += part.y;
    }
  }
  const title = PADDING / 2 + Math.min(Math.max(bounds.height * TITLE.part, TITLE.least), TITLE.most);
  return { width: bounds.width + 2 * PADDING, height: title + bounds.height + PADDING, title };
}

/** The tables that foreign keys of this schema connect, the largest component first, each from its hub outwards. */
function components(graph: Graph, members: string[], inside: Set<string>): string[][] {
  const degree = new Map(members.map((path) => [path, neighbours(graph, path).filter((to) => inside.has(to)).length]));
  const hubs = [...members].sort((a, b) => (degree.get(b) ?? 0) - (degree.get(a) ?? 0) || byName(a, b));
  const seen = new Set<string>();
  const found: string[][] = [];
  for (const hub of hubs) {
    if (seen.has(hub)) continue;
    seen.add(hub);
    const component = [hub];
    for (let index = 0; index < component.length; index += 1) {
      for (const to of neighbours(graph, component[index] as string)) {
        if (!inside.has(to) || seen.has(to)) continue;
        seen.add(to);
        component.push(to);
      }
    }
    found.push(component);
  }
  return found.sort((a, b) => b.length - a.length);
}

/** Gives each table the free cell of a grid that is nearest to its neighbours, then closes the gaps of each column. */
function placedByConnection(graph: Graph, component: string[], boxes: Map<string, Box>): Rectangle {
  const cells = new Map<string, Cell>();
  const taken = new Set<string>();
  const high = component.reduce((sum, path) => sum + (boxes.get(path) as Box).height + GAP_Y, 0) / component.length;
  const wide = Math.max(2, Math.round(Math.sqrt((component.length * high * 1.4) / (WIDTH + GAP_X))));
  const grid = { column: wide, row: Math.ceil(component.length / wide) };
  for (const path of component) {
    const near = neighbours(graph, path).flatMap((to) => cells.get(to) ?? []);
    const middle =
      near.length === 0
        ? { column: (grid.column - 1) / 2, row: (grid.row - 1) / 2 }
        : {
            column: near.reduce((sum, cell) => sum + cell.column, 0) / near.length,
            row: near.reduce((sum, cell) => sum + cell.row, 0) / near.length,
          };
    const cell = nearestFree(taken, grid, middle);
    taken.add(`${cell.column} ${cell.row}`);
    cells.set(path, cell);
  }
  const columns = new Map<number, string[]>();
  for (const [path, { column }] of cells) columns.set(column, [...(columns.get(column) ?? []), path]);
  let x = 0;
  let height = 0;
  for (const column of [...columns.keys()].sort((a, b) => a - b)) {
    const paths = columns.get(column) as string[];
    paths.sort((a, b) => (cells.get(a)?.row ?? 0) - (cells.get(b)?.row ?? 0));
    let y = 0;
    for (const path of paths) {
      const box = boxes.get(path) as Box;
      box.x = x;
      box.y = y;
      y += box.height + GAP_Y;
    }
    height = Math.max(height, y - GAP_Y);
    x += WIDTH + GAP_X;
  }
  return { x: 0, y: 0, width: x - GAP_X, height };
}

interface Cell {
  column: number;
  row: number;
}

function nearestFree(taken: Set<string>, grid: Cell, middle: Cell): Cell {
  const start = { column: Math.round(middle.column), row: Math.round(middle.row) };
  let best: (Cell & { far: number }) | null = null;
  // A ring beyond the first that has a free cell may have a nearer one, but no ring after it.
  for (let ring = 0, after = 0; after < 2 && ring <= grid.column + grid.row; ring += 1) {
    if (best) after += 1;
    for (
      let column = Math.max(start.column - ring, 0);
      column <= start.column + ring && column < grid.column;
      column += 1
    ) {
      for (let row = Math.max(start.row - ring, 0); row <= start.row + ring && row < grid.row; row += 1) {
        if (Math.max(Math.abs(column - start.column), Math.abs(row - start.row)) !== ring) continue;
        if (taken.has(`${column} ${row}`)) continue;
        const far = Math.hypot(column - middle.column, row - middle.row);
        if (!best || far < best.far - 1e-9) best = { column, row, far };
      }
    }
  }
  return best ?? start;
}

/** Columns of about equal height, by name from left to right and from top to bottom. */
function inColumns(boxes: Box[]): Rectangle {
  const total = boxes.reduce((sum, box) => sum + box.height + GAP_Y, 0);
  const number = Math.max(1, Math.ceil(Math.sqrt((total * 1.4) / (WIDTH + GAP_X))));
  const heights = new Array<number>(number).fill(0);
  for (const box of boxes) {
    const column = heights.indexOf(Math.min(...heights));
    box.x = column * (WIDTH + GAP_X);
    box.y = heights[column] as number;
    heights[column] = box.y + box.height + GAP_Y;
  }
  const used = heights.filter((height) => height > 0).length;
  return { x: 0, y: 0, width: used * (WIDTH + GAP_X) - GAP_X, height: Math.max(...heights) - GAP_Y };
}

/** Puts rectangles on shelves, the highest first, so that together they fill a space of this aspect as well as may be. */
export function packed(parts: Rectangle[], gap: number, aspect: number): Rectangle {
  const area = parts.reduce((sum, part) => sum + (part.width + gap) * (part.height + gap), 0);
  const widest = Math.max(0, ...parts.map((part) => part.width));
  const ordered = [...parts].sort((a, b) => b.height - a.height || b.width - a.width);
  let best: { needed: number; limit: number } | null = null;
  for (const stretch of [0.6, 0.8, 1, 1.2, 1.5, 2, 2.6]) {
    const limit = Math.max(widest, Math.sqrt(area * aspect) * stretch);
    const { width, height } = shelved(ordered, gap, limit);
    const needed = Math.max(width / aspect, height);
    if (!best || needed < best.needed - 1e-9) best = { needed, limit };
  }
  return shelved(ordered, gap, best?.limit ?? widest);
}

function shelved(ordered: Rectangle[], gap: number, limit: number): Rectangle {
  let x = 0;
  let y = 0;
  let shelf = 0;
  let width = 0;
  for (const part of ordered) {
    if (x > 0 && x + part.width > limit) {
      x = 0;
      y += shelf + gap;
      shelf = 0;
    }
    part.x = x;
    part.y = y;
    x += part.width + gap;
    shelf = Math.max(shelf, part.height);
    width = Math.max(width, x - gap);
  }
  return { x: 0, y: 0, width, height: y + shelf };
}

/** A curve for each foreign key, from row to row, by the sides that face each other. */
export function curves(keys: readonly ForeignKey[], boxes: Map<string, Box>): Edge[] {
  const edges: Edge[] = [];
  for (const key of keys) {
    const from = boxes.get(key.from_path);
    const to = boxes.get(key.to_path);
    if (!from || !to) continue;
    const own = from === to;
    const apart = own ? 0 : to.x + to.width / 2 - (from.x + from.width / 2);
    const start = { x: from.x, y: from.y + rowOf(from, key.from_columns[0]) };
    const end = { x: to.x, y: to.y + rowOf(to, key.to_columns[0]) };
    // Tables one above the other: a bow at their right side.
    const bow = own || Math.abs(apart) < WIDTH / 2;
    if (apart > 0 || bow) start.x += from.width;
    if (apart < 0 || bow) end.x += to.width;
    const reach = bow ? 40 : Math.max(40, Math.abs(end.x - start.x) / 2);
    const outwards = bow || apart > 0 ? 1 : -1;
    const inwards = bow ? 1 : -outwards;
    const points = [
      start,
      { x: start.x + outwards * reach, y: start.y },
      { x: end.x + inwards * reach, y: end.y },
      end,
    ];
    edges.push({ key, points, curved: true, bounds: boundsOf(points) });
  }
  return edges;
}

export function boundsOf(points: readonly Point[]): Rectangle {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y } of points) {
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x);
    bottom = Math.max(bottom, y);
  }
  return points.length === 0
    ? { x: 0, y: 0, width: 0, height: 0 }
    : { x: left, y: top, width: right - left, height: bottom - top };
}

export function overlaps(a: Rectangle, b: Rectangle): boolean {
  return a.x <= b.x + b.width && b.x <= a.x + a.width && a.y <= b.y + b.height && b.y <= a.y + a.height;
}

/** The box at a point, and its column there. */
export function hit(layout: Layout, { x, y }: Point): { path: string; column: string | null } | null {
  for (const box of layout.boxes) {
    if (x < box.x || x > box.x + box.width || y < box.y || y > box.y + box.height) continue;
    const row = Math.floor((y - box.y - HEADER) / ROW);
    return { path: box.path, column: box.rows.columns[row]?.name ?? null };
  }
  return null;
}
