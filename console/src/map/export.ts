// The map as files: DBML and Markdown of its tables, SVG and PNG of its picture.

import { cell, rows } from "../parts/format";
import { draw, type Look } from "./draw";
import type { Layout } from "./layout";
import type { Column, Graph, Table } from "./model";
import { canvasPen, svgPen } from "./pens";

/** A name or type of DBML. */
function quoted(name: string): string {
  return `"${name
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll(/[\r\n]+/g, " ")}"`;
}

/** A text of DBML, which may have several lines. */
function note(text: string): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
  return /[\r\n]/.test(text) ? `'''${escaped}'''` : `'${escaped}'`;
}

export function dbml(graph: Graph, paths: readonly string[]): string {
  const tables = paths.flatMap((path) => graph.tables.get(path) ?? []);
  const shown = new Set(paths);
  const parts = tables.map(dbmlTable);
  for (const key of graph.keys) {
    if (!shown.has(key.from_path) || !shown.has(key.to_path)) continue;
    const side = (path: string, columns: readonly string[]) => {
      const { relation } = graph.tables.get(path) as Table;
      const list = columns.map(quoted).join(", ");
      return `${dbmlName(relation)}.${columns.length === 1 ? list : `(${list})`}`;
    };
    parts.push(
      `Ref ${quoted(key.name)}: ${side(key.from_path, key.from_columns)} > ${side(key.to_path, key.to_columns)}\n`,
    );
  }
  return parts.join("\n");
}

function dbmlName(relation: { schema_name: string; relation_name: string }): string {
  return `${quoted(relation.schema_name)}.${quoted(relation.relation_name)}`;
}

function dbmlTable(table: Table): string {
  const { relation } = table;
  const keys = relation.columns.filter((column) => column.key);
  const lines = relation.columns.map((column) => {
    const settings = [
      ...(column.key && keys.length === 1 ? ["pk"] : []),
      ...(column.nullable ? [] : ["not null"]),
      ...(column.comment ? [`note: ${note(column.comment)}`] : []),
    ];
    return `  ${quoted(column.name)} ${quoted(column.type)}${settings.length > 0 ? ` [${settings.join(", ")}]` : ""}`;
  });
  if (keys.length > 1) {
    lines.push("", "  indexes {", `    (${keys.map((column) => quoted(column.name)).join(", ")}) [pk]`, "  }");
  }
  const said = [
    ...(relation.kind === "table" ? [] : [relation.kind]),
    ...(table.claims.length > 0 ? [`claimed by ${claimants(table.claims)}`] : []),
    ...(relation.comment ? [relation.comment] : []),
  ];
  if (said.length > 0) lines.push("", `  Note: ${note(said.join(". "))}`);
  return `Table ${dbmlName(relation)} {\n${lines.join("\n")}\n}\n`;
}

function claimants(claims: Table["claims"]): string {
  return claims
    .map(({ stakeholder, dependency }) => (dependency === "required" ? stakeholder : `${stakeholder} (${dependency})`))
    .join(", ");
}

export function markdown(graph: Graph, paths: readonly string[]): string {
  const parts: string[] = ["# Tables\n"];
  for (const path of paths) {
    const table = graph.tables.get(path);
    if (!table) continue;
    const { relation } = table;
    const facts = [
      relation.kind,
      `owner ${relation.owner}`,
      ...(relation.estimated_rows === null ? [] : [`about ${rows(relation.estimated_rows)} rows`]),
      table.claims.length > 0 ? `claimed by ${claimants(table.claims)}` : "claimed by nobody",
    ];
    parts.push(`## ${cell(path)}\n`, `${cell(facts.join(", "))}\n`);
    if (relation.comment) parts.push(`${cell(relation.comment)}\n`);
    const lines = relation.columns.map((column) => `| ${markdownRow(table, column).map(cell).join(" | ")} |`);
    parts.push(
      ["| column | type | key | claimed by | comment |", "|---|---|---|---|---|", ...lines].join("\n").concat("\n"),
    );
  }
  return parts.join("\n");
}

function markdownRow(table: Table, column: Column): string[] {
  const references = table.outgoing
    .filter((key) => key.from_columns.includes(column.name))
    .map((key) => `→ ${key.to_path} (${key.to_columns.join(", ")})`);
  return [
    column.name,
    column.type + (column.nullable ? "" : " not null"),
    [...(column.key ? ["primary"] : []), ...references].join(", "),
    claimants(table.columnClaims.get(column.name) ?? []),
    column.comment ?? "",
  ];
}

const MARGIN = 40;

function area({ bounds }: Layout) {
  return {
    x: bounds.x - MARGIN,
    y: bounds.y - MARGIN,
    width: bounds.width + 2 * MARGIN,
    height: bounds.height + 2 * MARGIN,
  };
}

/** The whole picture with all its details. */
export function svg(layout: Layout, look: Look): string {
  const pen = svgPen();
  const whole = area(layout);
  draw(pen, layout, look, { ...whole, scale: 1 });
  return pen.svg(whole, look.theme.ground);
}

/** A canvas has at most so many pixels on a side. */
const LARGEST = 8192;

export function png(layout: Layout, look: Look): Promise<Blob> {
  const whole = area(layout);
  const scale = Math.min(2, LARGEST / Math.max(whole.width, whole.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(whole.width * scale);
  canvas.height = Math.ceil(whole.height * scale);
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.fillStyle = look.theme.ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(scale, 0, 0, scale, -whole.x * scale, -whole.y * scale);
  draw(canvasPen(context), layout, look, { ...whole, scale });
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("The browser made no picture of this size."))),
      "image/png",
    );
  });
}

export function download(name: string, content: Blob): void {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(content);
  anchor.download = name;
  anchor.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}
