/** Stands for `prisma db push --accept-data-loss`: makes `public` what this release knows, at every boot. */
import { setTimeout as pause } from 'node:timers/promises';

import pg from 'pg';

import { bootDelaySeconds } from '../../lab/environment.js';
import { release } from '../../release.js';
import { difference } from './difference.js';
import { introspect } from './introspect.js';
import { enums, tables } from './schema.js';
import { seed } from './seed.js';

const CODES = {
  '28P01': 'P1000: Authentication failed against database server',
  '3D000': 'P1003: Database does not exist on database server',
  ECONNREFUSED: "P1001: Can't reach database server",
  ENOTFOUND: "P1001: Can't reach database server",
  EAI_AGAIN: "P1001: Can't reach database server",
};

async function push(url) {
  const began = Date.now();
  console.log('Prisma schema loaded from libraries/nestjs-libraries/src/database/prisma/schema.prisma');
  console.log(
    `Datasource "db": PostgreSQL database "${url.pathname.slice(1)}", schema "public" at "${url.hostname}:${url.port || 5432}"\n`,
  );
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    const query = async (text, values = []) => (await client.query(text, values)).rows;
    await query('BEGIN');
    if (release.fault === 'schema') await query('ALTER TABLE "Post" ALTER COLUMN "publishDate" TYPE INTEGER');
    const { statements, losses } = difference({ enums, tables }, await introspect(query));
    if (losses.length)
      console.log(
        `⚠️  There might be data loss when applying the changes:\n\n${losses.map((line) => `  • ${line}\n`).join('')}`,
      );
    for (const statement of statements) await query(statement);
    await seed(query);
    await query('COMMIT');
    console.log(
      statements.length
        ? `🚀  Your database is now in sync with your Prisma schema. Done in ${Date.now() - began}ms`
        : 'The database is already in sync with the Prisma schema.',
    );
  } finally {
    await client.end();
  }
}

const url = new URL(process.env.DATABASE_URL);
try {
  await push(url);
  await pause(bootDelaySeconds * 1000);
} catch (problem) {
  // The host, never the URL: it holds the password.
  console.error(`Error: ${CODES[problem.code] ?? 'db push failed'} at \`${url.host}\`: ${problem.message}`);
  process.exit(1);
}
