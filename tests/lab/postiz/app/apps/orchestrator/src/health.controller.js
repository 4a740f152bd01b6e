/** /health/status asks Temporal over a new connection: it says nothing about the workers. */
import { createServer } from 'node:http';

import { Connection } from '@temporalio/client';

import * as logger from '../../../libraries/nestjs-libraries/src/lab/logger.js';
import { address, namespace } from '../../../libraries/nestjs-libraries/src/temporal/temporal.module.js';

const TIMEOUT = 10_000;

export function listen(port) {
  return new Promise((resolve, reject) => {
    createServer(answer)
      .once('error', reject)
      .listen(port, () => {
        logger.log('Bootstrap', `Orchestrator is running on: http://localhost:${port}`);
        resolve();
      });
  });
}

async function answer(request, response) {
  const known = request.method === 'GET' && request.url.split('?')[0] === '/health/status';
  const [status, body] = known
    ? await health()
    : [404, { statusCode: 404, message: `Cannot ${request.method} ${request.url}` }];
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
}

async function health() {
  let connection;
  try {
    connection = await Connection.connect({ address, connectTimeout: TIMEOUT });
    await connection.withDeadline(Date.now() + TIMEOUT, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    return [200, { status: 'ok' }];
  } catch {
    return [500, { status: 'error' }];
  } finally {
    await connection?.close();
  }
}
