// Names and values as SQL and the shell take them, quoted where that is needed.

/** The reserved words of Postgres; a name that is one of them is quoted. */
const RESERVED = new Set(
  (
    "all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation " +
    "column concurrently constraint create cross current_catalog current_date current_role current_schema " +
    "current_time current_timestamp current_user default deferrable desc distinct do else end except false fetch for " +
    "foreign freeze from full grant group having ilike in initially inner intersect into is isnull join lateral " +
    "leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps " +
    "placing primary references returning right select session_user similar some symmetric system_user table " +
    "tablesample then to trailing true union unique user using variadic verbose when where window with"
  ).split(" "),
);

export function identifier(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) && !RESERVED.has(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

export function qualified(relation: { schema_name: string; relation_name: string }): string {
  return `${identifier(relation.schema_name)}.${identifier(relation.relation_name)}`;
}

/** A string as a literal of SQL. */
export function literal(text: string): string {
  const doubled = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? `E${doubled.replaceAll("\\", "\\\\")}` : doubled;
}

/** A word of the shell. */
export function word(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
