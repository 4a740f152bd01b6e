/** What the schema `public` holds now. */
export async function introspect(query) {
  const columns = await query(`
    SELECT c.table_name AS "table", c.column_name AS "column"
    FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'
    ORDER BY c.table_name, c.ordinal_position`);
  const labels = await query(`
    SELECT t.typname AS "enum", e.enumlabel AS "label"
    FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE n.nspname = 'public' ORDER BY t.typname, e.enumsortorder`);
  const relations = await query(`
    SELECT indexname AS name FROM pg_indexes WHERE schemaname = 'public'
    UNION SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace`);
  return {
    tables: grouped(columns, 'table', 'column'),
    enums: grouped(labels, 'enum', 'label'),
    relations: relations.map((row) => row.name),
  };
}

function grouped(rows, key, value) {
  const groups = {};
  for (const row of rows) (groups[row[key]] ??= []).push(row[value]);
  return groups;
}
