// Draws a layout with a pen: a canvas has one, and the export as SVG another. What is out of view is not drawn, and
// each level of detail draws only what can be read at its scale.

import type { ForeignKey } from "../api/map";
import { bytes, rows as shortRows } from "../parts/format";
import type { Scale, Shade } from "./colours";
import {
  type Box,
  type Edge,
  type Group,
  HEADER,
  type Layout,
  overlaps,
  type Point,
  type Rectangle,
  ROW,
} from "./layout";
import type { Claim, Column } from "./model";

export interface TextStyle {
  size: number;
  fill: string;
  mono?: boolean;
  bold?: boolean;
  align?: "left" | "center" | "right";
  /** A longer text is cut. */
  width?: number;
}

export interface Stroke {
  colour: string;
  width: number;
  dashes?: number[];
}

export interface Pen {
  rectangle: (at: Rectangle, style: { fill?: string; stroke?: Stroke; radius?: number }) => void;
  /** All lines of one stroke at once. A curve has four points. */
  lines: (lines: readonly { points: readonly Point[]; curved: boolean }[], stroke: Stroke) => void;
  polygon: (points: readonly Point[], fill: string) => void;
  /** y is the middle of the text. */
  text: (text: string, x: number, y: number, style: TextStyle) => void;
}

export interface Theme {
  ground: string;
  raised: string;
  sunken: string;
  line: string;
  /** A foreign key. */
  edge: string;
  ink: string;
  quiet: string;
  accent: string;
  bad: string;
  badGround: string;
}

/** Why a table or its columns are marked red: what a migration would take away, for instance. */
export interface Mark {
  reason: string;
  columns: Map<string, string>;
}

export interface Statistic {
  nulls: number;
}

export interface Look {
  theme: Theme;
  scale: Scale;
  /** The letter and colour of each stakeholder, whatever the boxes are coloured by. */
  shades: Map<string, Shade>;
  chosen: string | null;
  column: string | null;
  hovered: string | null;
  /** The tables of a join path, and its foreign keys. */
  path: { tables: Set<string>; keys: Set<ForeignKey> };
  statistics: Map<string, Map<string, Statistic>>;
  marks: ReadonlyMap<string, Mark>;
}

/** The part of the layout that is visible, and how many pixels one unit of it has. */
export interface View extends Rectangle {
  scale: number;
}

/** The scales from which on boxes have names, rows, and types. */
export const NAMES = 0.11;
export const COLUMNS = 0.5;
export const DETAILS = 0.75;

export function draw(pen: Pen, layout: Layout, look: Look, view: View): void {
  const visible = <T>(all: readonly T[], area: (one: T) => Rectangle) => all.filter((one) => overlaps(area(one), view));
  const groups = visible(layout.groups, (group) => group);
  for (const group of groups) drawGroup(pen, group, look, view);
  drawEdges(
    pen,
    visible(layout.edges, (edge) => edge.bounds),
    look,
    view,
  );
  for (const box of visible(layout.boxes, (box) => box)) drawBox(pen, box, look, view);
  for (const group of groups) drawTitle(pen, group, look, view);
}

function drawGroup(pen: Pen, group: Group, { theme }: Look, view: View): void {
  pen.rectangle(group, { fill: theme.sunken, stroke: { colour: theme.line, width: 1 / view.scale }, radius: 12 });
}

/** The name of a schema stays in view while a part of the schema is. */
function drawTitle(pen: Pen, group: Group, { theme }: Look, view: View): void {
  const size = Math.max(Math.min(18 / view.scale, group.title * 0.6), 12 / view.scale, 22);
  const label = `${group.name}  ${group.tables}`;
  const width = Math.min((label.length * 0.62 + 1) * size, group.width);
  const x = Math.min(Math.max(group.x, view.x), group.x + group.width - width);
  const y = Math.min(Math.max(group.y, view.y), group.y + group.height - size * 1.6);
  pen.rectangle({ x, y, width, height: size * 1.6 }, { fill: theme.sunken, radius: size / 4 });
  pen.text(label, x + size * 0.5, y + size * 0.8, { size, fill: theme.ink, bold: true, width: width - size * 0.7 });
}

function drawEdges(pen: Pen, edges: Edge[], look: Look, view: View): void {
  const { theme, chosen, hovered, path } = look;
  const near = (edge: Edge) =>
    [chosen, hovered].some((table) => table !== null && (edge.key.from_path === table || edge.key.to_path === table));
  const special = edges.filter((edge) => near(edge) || path.keys.has(edge.key));
  const others = special.length === 0 ? edges : edges.filter((edge) => !special.includes(edge));
  const width = Math.max(1 / view.scale, 1);
  const crowded = edges.length > 200 && view.scale < 0.3;
  // Many lines together are dark enough.
  pen.lines(others, { colour: crowded ? theme.line : theme.edge, width });
  pen.lines(special, { colour: theme.accent, width: width * 1.6 });
  if (crowded) return;
  const size = Math.max(9, 6 / view.scale);
  for (const edge of edges) drawArrow(pen, edge, size, special.includes(edge) ? theme.accent : theme.edge);
}

/** Points at the referenced table. */
function drawArrow(pen: Pen, { points }: Edge, size: number, fill: string): void {
  const end = points[points.length - 1] as Point;
  const before = points[points.length - 2] as Point;
  const direction = Math.sign(end.x - before.x) || 1;
  pen.polygon(
    [end, { x: end.x - direction * size, y: end.y - size / 2 }, { x: end.x - direction * size, y: end.y + size / 2 }],
    fill,
  );
}

function drawBox(pen: Pen, box: Box, look: Look, view: View): void {
  const { theme } = look;
  const mark = look.marks.get(box.path);
  const shades = look.scale.of(box.table);
  const isChosen = box.path === look.chosen;
  const outstanding = isChosen || box.path === look.hovered || look.path.tables.has(box.path);
  const stroke: Stroke = mark
    ? { colour: theme.bad, width: Math.max(3 / view.scale, 3) }
    : outstanding
      ? { colour: theme.accent, width: Math.max((isChosen ? 3 : 2) / view.scale, 2) }
      : { colour: theme.line, width: Math.max(1 / view.scale, 1) };
  if (isView(box)) stroke.dashes = [6, 4];
  if (view.scale < COLUMNS) drawSmall(pen, box, shades, look, view);
  else drawOpen(pen, box, shades, look, view);
  pen.rectangle(box, { stroke, radius: rounding(view) });
  if (mark) drawMark(pen, box, mark.reason, look, view);
}

/** Corners that nobody can see cost time. */
function rounding(view: View): number {
  return view.scale < 0.3 ? 0 : 6;
}

function isView({ table }: Box): boolean {
  return table.relation.kind.endsWith("view");
}

/** A box that is too small for rows: its colours, its name and their codes, as far as they can be read. */
function drawSmall(pen: Pen, box: Box, shades: Shade[], { theme }: Look, view: View): void {
  drawShades(pen, box, shades, theme.raised, rounding(view));
  if (view.scale < NAMES) return;
  const size = Math.min(Math.max(10 / view.scale, 22), box.height / 3);
  const [text, second] = broken(box.table.relation.relation_name, Math.floor((box.width - size) / (size * 0.6)));
  const codes = shades.map((shade) => shade.code).join(" ");
  const lines = [text, second, codes].filter((line) => line !== "").slice(0, Math.floor(box.height / (size * 1.25)));
  let y = box.y + box.height / 2 - ((lines.length - 1) / 2) * size * 1.25;
  for (const line of lines) {
    const style: TextStyle = {
      size: line === codes ? size * 0.85 : size,
      fill: theme.ink,
      bold: line === codes,
      align: "center",
      width: box.width - size * 0.5,
    };
    pen.text(line, box.x + box.width / 2, y, style);
    y += size * 1.25;
  }
}

/** A name in two lines where it does not fit in one, broken at an underscore if there is one. */
function broken(name: string, letters: number): [string, string] {
  if (name.length <= letters) return [name, ""];
  const at = name.lastIndexOf("_", letters - 1);
  const place = at > 0 ? at + 1 : letters;
  return [name.slice(0, place), name.slice(place)];
}

/** none: the colour where there are no shades. */
function drawShades(pen: Pen, at: Rectangle, shades: Shade[], none: string, radius: number): void {
  if (shades.length === 0) {
    pen.rectangle(at, { fill: none, radius });
    return;
  }
  const width = at.width / shades.length;
  shades.forEach((shade, index) => {
    const part = { x: at.x + index * width, y: at.y, width, height: at.height };
    pen.rectangle(part, shades.length === 1 ? { fill: shade.colour, radius } : { fill: shade.colour });
  });
}

function drawOpen(pen: Pen, box: Box, shades: Shade[], look: Look, view: View): void {
  const { theme } = look;
  const { relation } = box.table;
  pen.rectangle(box, { fill: theme.raised, radius: 6 });
  drawShades(pen, { x: box.x, y: box.y, width: box.width, height: HEADER }, shades, theme.sunken, rounding(view));
  const number = relation.estimated_rows === null ? "" : `${shortRows(relation.estimated_rows)} rows`;
  const size = relation.bytes === null ? "" : bytes(relation.bytes);
  const aside = view.scale < DETAILS ? "" : [number, size].filter(Boolean).join(", ");
  const asideWidth = aside.length * 6 + (aside ? 8 : 0);
  pen.text(relation.relation_name, box.x + 10, box.y + HEADER / 2, {
    size: 14,
    fill: theme.ink,
    bold: true,
    width: box.width - 18 - asideWidth,
  });
  if (aside) {
    pen.text(aside, box.x + box.width - 8, box.y + HEADER / 2, { size: 11, fill: theme.ink, align: "right" });
  }
  const statistics = look.statistics.get(box.path);
  box.rows.columns.forEach((column, index) => {
    const y = box.y + HEADER + index * ROW;
    if (y > view.y + view.height || y + ROW < view.y) return;
    drawRow(pen, box, column, y, statistics?.get(column.name), look, view);
  });
  if (box.rows.left > 0) {
    const y = box.y + HEADER + box.rows.columns.length * ROW + ROW / 2;
    pen.text(`${box.rows.left} more columns`, box.x + NAME, y, { size: 12, fill: theme.quiet });
  }
}

const SWATCH = 15;

function drawRow(
  pen: Pen,
  box: Box,
  column: Column,
  y: number,
  statistic: Statistic | undefined,
  look: Look,
  view: View,
): void {
  const { theme } = look;
  const middle = y + ROW / 2;
  const reason = look.marks.get(box.path)?.columns.get(column.name);
  if (reason !== undefined) {
    pen.rectangle({ x: box.x + 1, y, width: box.width - 2, height: ROW }, { fill: theme.badGround });
  } else if (box.path === look.chosen && column.name === look.column) {
    pen.rectangle({ x: box.x + 1, y, width: box.width - 2, height: ROW }, { fill: theme.sunken });
    pen.rectangle({ x: box.x + 1, y, width: 3, height: ROW }, { fill: theme.accent });
  }
  const keys = [...(column.key ? ["PK"] : []), ...(box.table.referring.has(column.name) ? ["FK"] : [])].join(" ");
  if (keys) pen.text(keys, box.x + 7, middle, { size: 8.5, fill: theme.quiet, bold: true });
  let right = box.x + box.width - 6;
  const claims = box.table.columnClaims.get(column.name) ?? [];
  const shown = claims.length > 4 ? claims.slice(0, 3) : claims;
  if (claims.length > shown.length) {
    pen.text(`+${claims.length - shown.length}`, right, middle, { size: 10, fill: theme.quiet, align: "right" });
    right -= 22;
  }
  for (const claim of [...shown].reverse()) {
    drawClaim(pen, claim, right - SWATCH, middle, look);
    right -= SWATCH + 2;
  }
  const left = box.x + NAME;
  const space = right - left - 2;
  const type = view.scale < DETAILS ? "" : `${short(column.type)}${column.nullable ? "?" : ""}`;
  const nameWidth = Math.min(column.name.length * 7.4, type === "" ? space : space * 0.75);
  if (type !== "") {
    const style: TextStyle = { size: 11, fill: theme.quiet, mono: true, align: "right", width: space - nameWidth - 6 };
    pen.text(type, right - 2, middle, style);
  }
  const fill = reason === undefined ? theme.ink : theme.bad;
  pen.text(column.name, left, middle, { size: 12, fill, mono: true, width: nameWidth });
  if (statistic && column.nullable) {
    // The part of the rows that has a value.
    const width = box.width - NAME - 8;
    pen.rectangle({ x: left, y: y + ROW - 3, width, height: 2 }, { fill: theme.line });
    pen.rectangle({ x: left, y: y + ROW - 3, width: width * (1 - statistic.nulls), height: 2 }, { fill: theme.edge });
  }
}

/** Where the names of columns begin; left of it stands which keys they are of. */
const NAME = 38;

/** The names of types that people use. */
export function short(type: string): string {
  return type
    .replace(/^timestamp(\(\d\))? with time zone/, "timestamptz$1")
    .replace(/^time(\(\d\))? with time zone/, "timetz$1")
    .replace(/^(timestamp|time)(\(\d\))? without time zone/, "$1$2")
    .replace(/^character varying/, "varchar")
    .replace(/^double precision/, "float8");
}

/** A claim on a column: filled where it is required, with a dashed border where another alternative would do. */
function drawClaim(pen: Pen, claim: Claim, x: number, middle: number, { theme, shades }: Look): void {
  const shade = shades.get(claim.stakeholder);
  if (!shade) return;
  const square = { x, y: middle - SWATCH / 2, width: SWATCH, height: SWATCH };
  if (claim.dependency === "required") pen.rectangle(square, { fill: shade.colour, radius: 3 });
  else {
    const dashes = claim.dependency === "alternative" ? { dashes: [3, 2] } : {};
    pen.rectangle(square, { stroke: { colour: theme.quiet, width: 1, ...dashes }, radius: 3 });
  }
  pen.text(shade.code, x + SWATCH / 2, middle, {
    size: 10,
    fill: theme.ink,
    align: "center",
    bold: true,
    width: SWATCH,
  });
}

function drawMark(pen: Pen, box: Box, reason: string, { theme }: Look, view: View): void {
  const size = Math.max(11 / view.scale, 12);
  const y = box.y - size * 0.9;
  const text = view.scale < COLUMNS ? "!" : `! ${reason}`;
  const width = Math.min((text.length * 0.62 + 1) * size, Math.max(box.width, size * 1.6));
  pen.rectangle({ x: box.x, y: y - size * 0.8, width, height: size * 1.6 }, { fill: theme.badGround, radius: 4 });
  pen.text(text, box.x + size * 0.5, y, { size, fill: theme.bad, bold: true, width: width - size * 0.7 });
}

/** Shortens a text to a width; letters is the width of a letter as a part of the text's size. */
export function cut(text: string, { size, width, mono, bold }: TextStyle): string {
  if (width === undefined) return text;
  const letters = Math.floor(width / (size * (mono ? 0.61 : bold ? 0.64 : 0.58)));
  if (text.length <= letters) return text;
  return letters < 2 ? "" : `${text.slice(0, letters - 1)}…`;
}
