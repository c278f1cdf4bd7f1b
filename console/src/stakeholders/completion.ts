// What can be written at a place of a specification: paths of tables, columns of the table, and the properties.

import type { CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import type { Relation } from "../api/map";

const PROPERTIES: Record<string, string> = {
  match: "the tables that are needed, a list",
  path: "schema.table",
  fields: 'columns, or "*"',
  name: "a column",
  type: "the column's type",
  optional: "true: nice to have",
  is_nullable: "whether nulls are accepted",
  min_length: "the length that is needed",
  alternatives: "one of these is enough",
  unique: "columns that are unique together",
  references: "a foreign key that is relied on",
};

/** Completes by what stands before the cursor: pure, apart from the relations. */
export function complete(context: CompletionContext, relations: readonly Relation[]): CompletionResult | null {
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  const word = /[\w.$*-]*$/.exec(before)?.[0] ?? "";
  if (word === "" && !context.explicit) return null;
  const from = context.pos - word.length;
  if (/\bpath["']?\s*:\s*["']?[\w.$-]*$/.test(before)) {
    const schemas = [...new Set(relations.map((relation) => `${relation.schema_name}.*`))];
    return {
      from,
      options: [
        ...relations.map((relation) => ({ label: relation.path, type: "class", detail: relation.kind })),
        ...schemas.map((label) => ({ label, type: "namespace", detail: "every table" })),
      ],
    };
  }
  const relation = tableBefore(context.state.doc.sliceString(0, context.pos), relations);
  const columns = relation?.columns.map(({ name, type }) => ({ label: name, type: "property", detail: type })) ?? [];
  const properties = Object.entries(PROPERTIES).map(([label, info]) => ({
    label,
    type: "keyword",
    detail: info,
    boost: -1,
  }));
  return { from, options: [...columns, ...properties] };
}

/** The table whose path stands last before the cursor. */
export function tableBefore(text: string, relations: readonly Relation[]): Relation | undefined {
  const paths = [...text.matchAll(/\bpath["']?\s*:\s*["']?([\w.$-]+)/g)];
  const path = paths.at(-1)?.[1];
  return relations.find((relation) => relation.path === path);
}
