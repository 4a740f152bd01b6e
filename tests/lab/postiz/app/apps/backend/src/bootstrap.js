/** Start order of the backend: Temporal first, the port last. */
import { createServer } from 'node:http';

import { exitWithoutTemporal } from '../../../libraries/nestjs-libraries/src/lab/environment.js';
import * as logger from '../../../libraries/nestjs-libraries/src/lab/logger.js';
import { release } from '../../../libraries/nestjs-libraries/src/release.js';
import { startInfiniteWorkflows } from '../../../libraries/nestjs-libraries/src/temporal/infinite.workflow.register.js';
import { registerSearchAttributes } from '../../../libraries/nestjs-libraries/src/temporal/temporal.register.js';
import { handle } from './api/router.js';

const port = Number(process.env.PORT || 3000);
const CRASH_AFTER = 60_000;

export async function bootstrap() {
  // Upstream has timers of its own: a backend that failed to start stays alive.
  setInterval(() => {}, 2 ** 30);
  logger.log('NestFactory', 'Starting Nest application...');
  try {
    await registerSearchAttributes();
    if (release.fault === 'backend')
      throw new Error("Nest can't resolve dependencies of the PostsService (?). Is it part of the module?");
    await startInfiniteWorkflows();
    logger.log('NestApplication', 'Nest application successfully started');
    await listen();
  } catch (problem) {
    logger.error('Bootstrap', `Backend failed to start on port ${port}`);
    console.error(problem);
    if (exitWithoutTemporal) process.exit(1);
    return;
  }
  logger.log('Bootstrap', `🚀 Backend is running on: http://localhost:${port}`);
  if (release.fault === 'crash') setTimeout(crash, CRASH_AFTER);
}

function listen() {
  return new Promise((resolve, reject) => {
    createServer(handle).once('error', reject).listen(port, resolve);
  });
}

function crash() {
  throw new TypeError("Cannot read properties of undefined (reading 'organizationId')");
}
