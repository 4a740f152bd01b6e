/** The connection pool; every timestamp column is UTC without a zone. */
import pg from 'pg';

pg.types.setTypeParser(pg.types.builtins.TIMESTAMP, (text) => new Date(`${text.replace(' ', 'T')}Z`));

let pool;

function connections() {
  pool ??= new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10, options: '-c timezone=UTC' })
    // A lost idle connection is replaced by the pool; without a listener it would end the process.
    .on('error', (problem) => console.error(`Lost an idle database connection: ${problem.message}`));
  return pool;
}

export const query = async (text, values = []) => (await connections().query(text, values)).rows;

/** Run `work(query)` in one transaction. */
export async function transaction(work) {
  const client = await connections().connect();
  try {
    await client.query('BEGIN');
    const result = await work(async (text, values = []) => (await client.query(text, values)).rows);
    await client.query('COMMIT');
    return result;
  } catch (problem) {
    await client.query('ROLLBACK').catch(() => {});
    throw problem;
  } finally {
    client.release();
  }
}

/** Bind a moment as UTC text: the driver would write the process' local time. */
export const utc = (moment) => new Date(moment).toISOString().replace('Z', '');
