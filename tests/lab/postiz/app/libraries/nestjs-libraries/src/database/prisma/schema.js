/**
 * The part of upstream's schema that operators touch. Columns: name, SQL type, null or not, default.
 * `timestamp(3)` without time zone and "updatedAt" without a default are Prisma's own choices.
 */
import { release } from '../../release.js';

const required = (name, type, standard) => ({ name, type, required: true, standard });
const optional = (name, type, standard) => ({ name, type, required: false, standard });
const text = 'TEXT';
const ts = 'TIMESTAMP(3)';
const id = required('id', text);
const created = required('createdAt', ts, 'CURRENT_TIMESTAMP');
const updated = required('updatedAt', ts);
const deleted = optional('deletedAt', ts);

export const enums = {
  State: ['QUEUE', 'PUBLISHED', 'ERROR', 'DRAFT'],
  CreationMethod: ['UNKNOWN', 'WEB', 'MCP', 'API', 'AUTOPOST', 'CLI'],
  APPROVED_SUBMIT_FOR_ORDER: ['NO', 'WAITING_CONFIRMATION', 'YES'],
};

/** A foreign key with Prisma's rules: optional columns SET NULL, required ones RESTRICT. */
const refers = (column, table) => ({ column, table });

const table = (columns, { key = ['id'], unique = [], indexes = [], foreign = [] } = {}) => ({
  columns,
  key,
  unique,
  indexes,
  foreign,
});

export const tables = {
  Organization: table([
    id,
    required('name', text),
    optional('description', text),
    optional('apiKey', text),
    created,
    updated,
    optional('paymentId', text),
    required('allowTrial', 'BOOLEAN', 'false'),
    required('isTrailing', 'BOOLEAN', 'false'),
    ...release.organizationColumns.map((name) => optional(name, ts)),
  ]),
  User: table([id, required('email', text), optional('name', text), created, updated]),
  Customer: table([id, required('name', text), required('orgId', text), created, updated, deleted], {
    foreign: [refers('orgId', 'Organization')],
  }),
  Tags: table(
    [id, required('name', text), required('color', text), required('orgId', text), created, updated, deleted],
    {
      indexes: ['orgId', 'deletedAt'],
      foreign: [refers('orgId', 'Organization')],
    },
  ),
  Media: table(
    [id, required('name', text), required('path', text), required('organizationId', text), created, updated, deleted],
    { indexes: ['organizationId'], foreign: [refers('organizationId', 'Organization')] },
  ),
  Integration: table(
    [
      id,
      required('internalId', text),
      required('organizationId', text),
      required('name', text),
      optional('picture', text),
      required('providerIdentifier', text),
      required('type', text),
      required('token', text),
      required('disabled', 'BOOLEAN', 'false'),
      optional('tokenExpiration', ts),
      optional('refreshToken', text),
      optional('profile', text),
      deleted,
      created,
      optional('updatedAt', ts),
      required('inBetweenSteps', 'BOOLEAN', 'false'),
      required('refreshNeeded', 'BOOLEAN', 'false'),
      required('postingTimes', text, `'[{"time":120}, {"time":400}, {"time":700}]'`),
      optional('customInstanceDetails', text),
      optional('customerId', text),
      optional('rootInternalId', text),
      optional('additionalSettings', text, `'[]'`),
    ],
    {
      unique: [['organizationId', 'internalId']],
      indexes: [
        'providerIdentifier',
        'updatedAt',
        'createdAt',
        'deletedAt',
        'customerId',
        'inBetweenSteps',
        'refreshNeeded',
      ],
      foreign: [refers('organizationId', 'Organization'), refers('customerId', 'Customer')],
    },
  ),
  Post: table(
    [
      id,
      required('state', '"State"', `'QUEUE'`),
      required('publishDate', ts),
      required('organizationId', text),
      required('integrationId', text),
      required('content', text),
      required('delay', 'INTEGER', '0'),
      required('group', text),
      optional('title', text),
      optional('description', text),
      optional('parentPostId', text),
      optional('releaseId', text),
      optional('releaseURL', text),
      optional('settings', text),
      optional('image', text),
      optional('submittedForOrderId', text),
      optional('submittedForOrganizationId', text),
      required('approvedSubmitForOrder', '"APPROVED_SUBMIT_FOR_ORDER"', `'NO'`),
      required('creationMethod', '"CreationMethod"', `'UNKNOWN'`),
      optional('lastMessageId', text),
      optional('intervalInDays', 'INTEGER'),
      optional('error', text),
      created,
      updated,
      deleted,
    ],
    {
      indexes: [
        'group',
        'deletedAt',
        'publishDate',
        'state',
        'organizationId',
        'parentPostId',
        'submittedForOrderId',
        'intervalInDays',
        'approvedSubmitForOrder',
        'lastMessageId',
        'createdAt',
        'updatedAt',
        'releaseURL',
        'integrationId',
      ],
      foreign: [
        refers('organizationId', 'Organization'),
        refers('integrationId', 'Integration'),
        refers('parentPostId', 'Post'),
        refers('submittedForOrganizationId', 'Organization'),
      ],
    },
  ),
  TagsPosts: table([required('postId', text), required('tagId', text), created, updated], {
    key: ['postId', 'tagId'],
    foreign: [refers('postId', 'Post'), refers('tagId', 'Tags')],
  }),
  Comments: table(
    [
      id,
      required('content', text),
      required('organizationId', text),
      required('postId', text),
      required('userId', text),
      created,
      updated,
      deleted,
    ],
    {
      indexes: ['createdAt', 'organizationId', 'postId', 'userId', 'deletedAt'],
      foreign: [refers('organizationId', 'Organization'), refers('postId', 'Post'), refers('userId', 'User')],
    },
  ),
  PayoutProblems: table(
    [
      id,
      required('status', text),
      required('userId', text),
      optional('postId', text),
      required('amount', 'INTEGER'),
      created,
      updated,
    ],
    { foreign: [refers('userId', 'User'), refers('postId', 'Post')] },
  ),
  Errors: table(
    [
      id,
      required('message', text),
      required('platform', text),
      required('organizationId', text),
      created,
      updated,
      required('postId', text),
      required('body', text, `'{}'`),
    ],
    {
      indexes: ['organizationId', 'createdAt'],
      foreign: [refers('organizationId', 'Organization'), refers('postId', 'Post')],
    },
  ),
  Notifications: table(
    [
      id,
      required('organizationId', text),
      required('content', text),
      optional('link', text),
      created,
      updated,
      deleted,
    ],
    {
      indexes: ['createdAt', 'organizationId', 'deletedAt'],
      foreign: [refers('organizationId', 'Organization')],
    },
  ),
};
