/** The first push leaves a stack that can be used at once: one organization, one channel per provider queue. */
import { randomBytes } from 'node:crypto';

import { providerQueues } from '../../lab/environment.js';
import { cuid } from './cuid.js';

const secret = (prefix) => `${prefix}_${randomBytes(24).toString('hex')}`;

export async function seed(query) {
  const [{ count }] = await query('SELECT count(*)::int AS count FROM "Organization"');
  if (count > 0) return;
  const organization = cuid();
  await query(
    `INSERT INTO "Organization" (id, name, "apiKey", "updatedAt") VALUES ($1, 'Lab', $2, now() AT TIME ZONE 'utc')`,
    [organization, randomBytes(32).toString('hex')],
  );
  for (const provider of providerQueues) {
    await query(
      `INSERT INTO "Integration" (id, "internalId", "organizationId", name, "providerIdentifier", type, token, "refreshToken", profile, "updatedAt")
       VALUES ($1, $2, $3, $4, $5, 'social', $6, $7, $8, now() AT TIME ZONE 'utc')`,
      [
        cuid(),
        randomBytes(6).toString('hex'),
        organization,
        `Lab ${provider}`,
        provider,
        secret('lab-token'),
        secret('lab-refresh'),
        `lab_${provider}`,
      ],
    );
  }
}
