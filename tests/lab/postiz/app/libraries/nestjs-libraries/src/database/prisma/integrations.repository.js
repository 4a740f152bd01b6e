/** Channels and the organization that owns them. */
import { cuid } from './cuid.js';
import { query } from './database.js';

const NOW = `now() AT TIME ZONE 'utc'`;

export const getOrganizationByApiKey = async (apiKey) =>
  (await query(`SELECT id, name FROM "Organization" WHERE "apiKey" = $1`, [apiKey]))[0];

export const getIntegration = async (organizationId, id) =>
  (
    await query(`SELECT * FROM "Integration" WHERE id = $1 AND "organizationId" = $2 AND "deletedAt" IS NULL`, [
      id,
      organizationId,
    ])
  )[0];

export const getIntegrations = (organizationId) =>
  query(
    `SELECT id, name, "providerIdentifier" AS identifier, picture, disabled, profile
     FROM "Integration" WHERE "organizationId" = $1 AND "deletedAt" IS NULL ORDER BY "providerIdentifier"`,
    [organizationId],
  );

export const refreshNeeded = (id) =>
  query(`UPDATE "Integration" SET "refreshNeeded" = true, "updatedAt" = ${NOW} WHERE id = $1`, [id]);

export const notify = (organizationId, content, link) =>
  query(
    `INSERT INTO "Notifications" (id, "organizationId", content, link, "updatedAt") VALUES ($1, $2, $3, $4, ${NOW})`,
    [cuid(), organizationId, content, link ?? null],
  );
