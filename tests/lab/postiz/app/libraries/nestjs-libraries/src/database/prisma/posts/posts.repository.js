/** Reads and writes of posts, with upstream's transitions. */
import { cuid } from '../cuid.js';
import { query, transaction, utc } from '../database.js';

const NOW = `now() AT TIME ZONE 'utc'`;

/** The root and its chain of children, each with its whole channel row, tokens included: as upstream. */
export async function getPostsList(organizationId, postId) {
  const rows = await query(
    `WITH RECURSIVE thread AS (
       SELECT p.*, 0 AS depth FROM "Post" p WHERE p.id = $1 AND p."organizationId" = $2
       UNION ALL
       SELECT c.*, t.depth + 1 FROM "Post" c JOIN thread t ON c."parentPostId" = t.id WHERE c."deletedAt" IS NULL
     )
     SELECT to_jsonb(t) - 'depth' AS post, to_jsonb(i) AS integration
     FROM thread t JOIN "Integration" i ON i.id = t."integrationId" ORDER BY t.depth`,
    [postId, organizationId],
  );
  return rows.map(({ post, integration }) => ({ ...post, integration }));
}

/** Publishing leaves an older error text where it is. */
export const updatePost = (id, releaseId, releaseURL) =>
  query(
    `UPDATE "Post" SET state = 'PUBLISHED', "releaseId" = $2, "releaseURL" = $3, "updatedAt" = ${NOW} WHERE id = $1`,
    [id, releaseId, releaseURL],
  );

/** An Errors row is written only when there is both an error and a body. */
export async function changeState(id, state, error, body) {
  const message = error && (typeof error === 'string' ? error : JSON.stringify(error));
  await query(
    `UPDATE "Post" SET state = $2::"State", error = COALESCE($3, error), "updatedAt" = ${NOW} WHERE id = $1`,
    [id, state, message || null],
  );
  if (!message || !body) return;
  await query(
    `INSERT INTO "Errors" (id, message, platform, "organizationId", "updatedAt", "postId", body)
     SELECT $2, $3, i."providerIdentifier", p."organizationId", ${NOW}, p.id, $4
     FROM "Post" p JOIN "Integration" i ON i.id = p."integrationId" WHERE p.id = $1`,
    [id, cuid(), message, JSON.stringify(body)],
  );
}

/** Roots of the last two days that should be out and whose channel can post. */
export const searchForMissingThreeHoursPosts = () =>
  query(
    `SELECT p.id, p."organizationId", i."providerIdentifier"
     FROM "Post" p JOIN "Integration" i ON i.id = p."integrationId"
     WHERE p.state = 'QUEUE' AND p."deletedAt" IS NULL AND p."parentPostId" IS NULL
       AND p."publishDate" >= ${NOW} - interval '2 days' AND p."publishDate" < ${NOW}
       AND NOT i."refreshNeeded" AND NOT i."inBetweenSteps" AND NOT i.disabled AND i."deletedAt" IS NULL`,
  );

/** Create a root and its children in one group; returns the root's id. */
export function createThread({
  organizationId,
  integration,
  state,
  date,
  interval,
  creationMethod,
  settings,
  values,
  group,
}) {
  return transaction(async (run) => {
    let parent = null;
    let root;
    for (const value of values) {
      const post = cuid();
      root ??= post;
      await run(
        `INSERT INTO "Post" (id, state, "publishDate", "organizationId", "integrationId", content, delay, "group",
           "parentPostId", settings, image, "creationMethod", "intervalInDays", "updatedAt")
         VALUES ($1, $2::"State", $3::timestamp, $4, $5, $6, $7, $8, $9, $10, $11, $12::"CreationMethod", $13, ${NOW})`,
        [
          post,
          state,
          utc(date),
          organizationId,
          integration.id,
          value.content,
          value.delay ?? 0,
          group,
          parent,
          JSON.stringify({ ...settings, __type: integration.providerIdentifier }),
          JSON.stringify(value.image ?? []),
          creationMethod,
          interval ?? null,
        ],
      );
      parent = post;
    }
    return root;
  });
}

/** Roots in a range of dates, as the calendar shows them: never the error text. */
export const getPosts = (organizationId, start, end) =>
  query(
    `SELECT p.id, p.content, p."publishDate", p."releaseURL", p."releaseId", p.state, p."intervalInDays", p."group",
       p."creationMethod", p.settings,
       json_build_object('id', i.id, 'providerIdentifier', i."providerIdentifier", 'name', i.name, 'picture', i.picture) AS integration
     FROM "Post" p JOIN "Integration" i ON i.id = p."integrationId"
     WHERE p."organizationId" = $1 AND i."deletedAt" IS NULL AND p."deletedAt" IS NULL AND p."parentPostId" IS NULL
       AND (p."intervalInDays" IS NOT NULL OR p."publishDate" BETWEEN $2::timestamp AND $3::timestamp)
     ORDER BY p."publishDate"`,
    [organizationId, utc(start), utc(end)],
  );

export const getPostById = async (organizationId, id) =>
  (
    await query(
      `SELECT p.id, p.state, p."group", i."providerIdentifier" FROM "Post" p JOIN "Integration" i ON i.id = p."integrationId"
       WHERE p.id = $1 AND p."organizationId" = $2`,
      [id, organizationId],
    )
  )[0];

export const deleteGroup = (organizationId, group) =>
  query(`UPDATE "Post" SET "deletedAt" = ${NOW}, "updatedAt" = ${NOW} WHERE "group" = $1 AND "organizationId" = $2`, [
    group,
    organizationId,
  ]);

export const setState = (id, state) =>
  query(`UPDATE "Post" SET state = $2::"State", "updatedAt" = ${NOW} WHERE id = $1`, [id, state]);
