/** The routes of the backend, behind nginx's /api/. */
import * as logger from '../../../../libraries/nestjs-libraries/src/lab/logger.js';
import { publicApi } from './public.integrations.controller.js';

const LARGEST_BODY = 10 * 1024 * 1024;

export async function handle(request, response) {
  const url = new URL(request.url, 'http://backend');
  try {
    const [status, body] = await route(request, url);
    send(response, status, body);
  } catch (problem) {
    if (!problem.status) logger.error('ExceptionsHandler', problem.stack);
    const status = problem.status ?? 500;
    send(response, status, { statusCode: status, message: problem.status ? problem.message : 'Internal server error' });
  }
}

async function route(request, url) {
  const path = url.pathname;
  if (request.method === 'GET' && path === '/') return [200, 'App is running!'];
  // Constant, whatever the queue: upstream's own.
  if (request.method === 'GET' && /^\/monitor\/queue\/[^/]+$/.test(path)) {
    return [200, { status: 'success', message: `Queue ${path.split('/').pop()} is healthy.` }];
  }
  if (path.startsWith('/public/v1/')) {
    const answer = await publicApi(request, url, () => json(request));
    if (answer) return answer;
  }
  return [404, { message: `Cannot ${request.method} ${path}`, error: 'Not Found', statusCode: 404 }];
}

async function json(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > LARGEST_BODY) throw Object.assign(new Error('request entity too large'), { status: 413 });
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString() || '{}');
  } catch (problem) {
    throw Object.assign(problem, { status: 400 });
  }
}

function send(response, status, body) {
  const text = typeof body === 'string';
  response.writeHead(status, { 'Content-Type': text ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8' });
  response.end(text ? body : JSON.stringify(body));
}
