/** What separates a database from the schema: statements to run, and the data that they lose. Pure. */

const quote = (name) => `"${name}"`;
const list = (names) => names.map(quote).join(', ');
const definition = ({ name, type, required, standard }) =>
  `${quote(name)} ${type}${required ? ' NOT NULL' : ''}${standard ? ` DEFAULT ${standard}` : ''}`;

/**
 * `found`: { enums: {name: [labels]}, tables: {name: [columns]}, relations: [names of indexes and constraints] }.
 * Returns { statements, losses }; losses are lines for the operator.
 */
export function difference(schema, found) {
  const statements = [];
  const losses = [];
  const { enums, tables } = schema;

  for (const name of Object.keys(found.tables).filter((name) => !tables[name])) {
    losses.push(`You are about to drop the \`${name}\` table.`);
    statements.push(`DROP TABLE ${quote(name)} CASCADE`);
  }
  for (const [name, labels] of Object.entries(enums)) {
    if (!found.enums[name]) {
      statements.push(`CREATE TYPE ${quote(name)} AS ENUM (${labels.map((label) => `'${label}'`).join(', ')})`);
    }
  }
  for (const [name, wanted] of Object.entries(tables)) {
    const columns = found.tables[name];
    if (!columns) {
      const lines = [
        ...wanted.columns.map(definition),
        `CONSTRAINT ${quote(`${name}_pkey`)} PRIMARY KEY (${list(wanted.key)})`,
      ];
      statements.push(`CREATE TABLE ${quote(name)} (${lines.join(', ')})`);
      continue;
    }
    for (const column of wanted.columns.filter((column) => !columns.includes(column.name))) {
      statements.push(`ALTER TABLE ${quote(name)} ADD COLUMN ${definition(column)}`);
    }
    for (const column of columns.filter((column) => !wanted.columns.some((known) => known.name === column))) {
      losses.push(`You are about to drop the column \`${column}\` on the \`${name}\` table.`);
      statements.push(`ALTER TABLE ${quote(name)} DROP COLUMN ${quote(column)}`);
    }
  }
  for (const name of Object.keys(found.enums).filter((name) => !enums[name])) {
    losses.push(`You are about to drop the \`${name}\` enum.`);
    statements.push(`DROP TYPE ${quote(name)} CASCADE`);
  }
  for (const [name, statement] of relations(tables)) {
    if (!found.relations.includes(name)) statements.push(statement);
  }
  return { statements, losses };
}

/** Indexes and foreign keys as [name, statement], tables first. */
function relations(tables) {
  const all = Object.entries(tables);
  const indexes = all.flatMap(([table, { unique, indexes }]) => [
    ...unique.map((columns) => index('UNIQUE INDEX', table, columns, 'key')),
    ...indexes.map((column) => index('INDEX', table, [column], 'idx')),
  ]);
  return [
    ...indexes,
    ...all.flatMap(([table, { columns, foreign }]) => foreign.map((one) => reference(table, columns, one))),
  ];
}

function index(kind, table, columns, suffix) {
  const name = [table, ...columns, suffix].join('_');
  return [name, `CREATE ${kind} ${quote(name)} ON ${quote(table)} (${list(columns)})`];
}

function reference(table, columns, { column, table: target }) {
  const name = `${table}_${column}_fkey`;
  const rule = columns.find((one) => one.name === column).required ? 'RESTRICT' : 'SET NULL';
  return [
    name,
    `ALTER TABLE ${quote(table)} ADD CONSTRAINT ${quote(name)} FOREIGN KEY (${quote(column)}) ` +
      `REFERENCES ${quote(target)} ("id") ON DELETE ${rule} ON UPDATE CASCADE`,
  ];
}
