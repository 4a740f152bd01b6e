/** The public API: enough of it to schedule, list, delete and re-queue. */
import * as integrations from '../../../../libraries/nestjs-libraries/src/database/prisma/integrations.repository.js';
import { getPosts } from '../../../../libraries/nestjs-libraries/src/database/prisma/posts/posts.repository.js';
import * as service from '../../../../libraries/nestjs-libraries/src/database/prisma/posts/posts.service.js';

const PREFIX = '/public/v1';
const TYPES = ['draft', 'schedule', 'now'];

/** [method, path pattern, handler]; a handler gets { organization, url, body, match } and returns the answer's body. */
const routes = [
  ['GET', /^\/is-connected$/, () => ({ connected: true })],
  ['GET', /^\/integrations$/, ({ organization }) => integrations.getIntegrations(organization.id)],
  ['GET', /^\/posts$/, list],
  ['POST', /^\/posts$/, create],
  ['DELETE', /^\/posts\/([^/]+)$/, ({ organization, match }) => service.deletePost(organization.id, match[1])],
  ['PUT', /^\/posts\/([^/]+)\/status$/, status],
];

/** Returns [status, body], or undefined for an unknown route. */
export async function publicApi(request, url, readBody) {
  const key = request.headers.authorization;
  if (!key) return [401, { msg: 'No API Key found' }];
  const organization = await integrations.getOrganizationByApiKey(key);
  if (!organization) return [401, { msg: 'Invalid API key' }];
  const path = url.pathname.slice(PREFIX.length);
  for (const [method, pattern, handler] of routes) {
    const match = request.method === method && pattern.exec(path);
    if (!match) continue;
    const body = ['POST', 'PUT'].includes(method) ? await readBody() : undefined;
    return [method === 'POST' ? 201 : 200, await handler({ organization, url, body, match })];
  }
  return undefined;
}

async function list({ organization, url }) {
  const start = url.searchParams.get('startDate');
  const end = url.searchParams.get('endDate');
  if (Number.isNaN(Date.parse(start)) || Number.isNaN(Date.parse(end)))
    throw bad('startDate and endDate must be ISO 8601 dates');
  const posts = await getPosts(organization.id, start, end);
  return { posts: posts.map((post) => ({ ...post, tags: [] })) };
}

async function create({ organization, body }) {
  if (!TYPES.includes(body.type)) throw bad(`type must be one of the following values: ${TYPES.join(', ')}`);
  if (!Array.isArray(body.posts) || !body.posts.length) throw bad('posts should not be empty');
  const complete = body.posts.every(
    ({ integration, value }) =>
      integration?.id && value?.length && value.every(({ content }) => typeof content === 'string'),
  );
  if (!complete) throw bad('each post needs integration.id and value[].content');
  return service.createPosts(organization.id, body);
}

async function status({ organization, match, body }) {
  if (!['draft', 'schedule'].includes(body.status))
    throw bad('status must be one of the following values: draft, schedule');
  return service.changePostStatus(organization.id, match[1], body.status);
}

const bad = (message) => Object.assign(new Error(message), { status: 400 });
