import { randomBytes } from 'node:crypto';

/** An id of the shape of Prisma's cuid(). */
export const cuid = () =>
  `c${Date.now().toString(36)}${[...randomBytes(16)].map((byte) => (byte % 36).toString(36)).join('')}`;
