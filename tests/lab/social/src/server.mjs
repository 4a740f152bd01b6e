/** A social network for one machine: it publishes what it is given, and it is the judge of "lost" and "twice". */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

import { Behaviours } from './behaviour.mjs';
import { errors } from './errors.mjs';
import { Ledger } from './ledger.mjs';

const PORT = Number(process.env.PORT || 8080);
const SLOW = 10_000;
const ledger = new Ledger(process.env.LEDGER || './ledger.jsonl');
const behaviours = new Behaviours();

/** [method, path pattern, handler]; a handler gets { request, response, url, match } and returns [status, body]. */
const routes = [
  ['GET', /^\/healthz$/, () => [200, { status: 'ok' }]],
  ['GET', /^\/ledger$/, ({ url }) => [200, ledger.find(Object.fromEntries(url.searchParams))]],
  ['DELETE', /^\/ledger$/, () => [200, ledger.clear() ?? {}]],
  ['GET', /^\/errors$/, () => [200, errors]],
  ['GET', /^\/behaviour$/, () => [200, behaviours.all()]],
  ['DELETE', /^\/behaviour(?:\/([^/]+))?$/, ({ match }) => [200, behaviours.reset(match[1]) ?? {}]],
  ['PUT', /^\/behaviour\/([^/]+)$/, async ({ request, match }) => [200, behaviours.set(match[1], await json(request))]],
  ['POST', /^\/publish$/, publish],
];

async function publish({ request, response }) {
  const { channel, postId, content } = await json(request);
  if (!channel || !postId) return [400, { message: 'channel and postId are required' }];
  const call = { channel, postId, content, idempotencyKey: request.headers['idempotency-key'] };
  const { mode, status, body, delayMs, honoursKey } = behaviours.take(channel);
  if (mode === 'status') {
    if (delayMs) await pause(delayMs);
    ledger.add({ ...call, outcome: 'refused' });
    return [status, body ?? { error: `status ${status}` }];
  }
  if (mode === 'drop') {
    ledger.add({ ...call, outcome: 'dropped' });
    response.destroy();
    return undefined;
  }
  const id = accept(call, honoursKey);
  // Accepted, not answered yet: whoever dies now cannot know that the post is live.
  if (mode === 'hang') return undefined;
  if (mode === 'slow') await pause(delayMs ?? SLOW);
  return [200, { id, url: `https://social.example/${channel}/${id}` }];
}

function accept(call, honoursKey) {
  const { channel, idempotencyKey } = call;
  const [known] = honoursKey && idempotencyKey ? ledger.find({ channel, idempotencyKey, outcome: 'published' }) : [];
  const id = known?.id ?? randomUUID();
  ledger.add({ ...call, id, outcome: known ? 'recognised' : 'published' });
  return id;
}

async function json(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    return JSON.parse(Buffer.concat(chunks).toString() || '{}');
  } catch {
    throw new TypeError('the body is not JSON');
  }
}

async function route(request, response) {
  const url = new URL(request.url, 'http://social');
  for (const [method, pattern, handler] of routes) {
    const match = request.method === method && pattern.exec(url.pathname);
    if (match) return handler({ request, response, url, match });
  }
  return [404, { message: `no ${request.method} ${url.pathname}` }];
}

const server = createServer(async (request, response) => {
  let answer;
  try {
    answer = await route(request, response);
  } catch (problem) {
    answer = [problem instanceof TypeError ? 400 : 500, { message: problem.message }];
  }
  if (!answer || response.destroyed) return;
  const [status, body] = answer;
  const text = typeof body === 'string';
  response.writeHead(status, { 'Content-Type': text ? 'text/html' : 'application/json' });
  response.end(text ? body : JSON.stringify(body));
});

server.listen(PORT, () => console.log(`social network on ${PORT}`));
process.on('SIGTERM', () => process.exit(0));
