/** A short name for a statement of SQL, for metrics: what it does, and to which table. There are as many as there are tables. */

const MAX_KNOWN = 2_000;
const KINDS =
  /^\s*(?:with\b[\s\S]*?\)\s*)?(select|insert|update|delete|begin|commit|rollback|set|checkpoint|vacuum)\b/i;
const TABLE = /\b(?:from|into|update)\s+(?:"?\w+"?\.)?"?([a-z_][a-z0-9_]*)"?/i;

const known = new Map<string, string>();

export function statementName(sql: string): string {
  let name = known.get(sql);
  if (name === undefined) {
    name = made(sql);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(sql, name);
  }
  return name;
}

function made(sql: string): string {
  const kind = KINDS.exec(sql)?.[1]?.toLowerCase();
  if (!kind) return 'other';
  if (!['select', 'insert', 'update', 'delete'].includes(kind)) return kind;
  const table = TABLE.exec(sql)?.[1]?.toLowerCase();
  return table ? `${kind} ${table}` : kind;
}
