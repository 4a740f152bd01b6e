/**
 * Upstream's worker library: the connection is tried at boot and never again; a worker that fails is
 * started anew three times at most, and the process stays up without it.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

import { NativeConnection, Worker } from '@temporalio/worker';

import { compileSeconds, providerQueues, timeScale } from '../../../libraries/nestjs-libraries/src/lab/environment.js';
import * as logger from '../../../libraries/nestjs-libraries/src/lab/logger.js';
import { release } from '../../../libraries/nestjs-libraries/src/release.js';
import { address, namespace } from '../../../libraries/nestjs-libraries/src/temporal/temporal.module.js';
import * as core from './activities/post.activity.js';
import * as provider from './activities/provider.activity.js';

const SERVICE = 'TemporalWorkerManagerService';
const MOST_RESTARTS = 3;
const RESTART_PAUSE = 1000;

/** Start polling; without a connection it returns, and nothing tries again. */
export async function startWorkers() {
  const connection = await connect();
  if (!connection) return;
  if (release.fault === 'workers') {
    logger.error(SERVICE, "Failed to initialize worker 'main': Cannot find module './workflows'");
    return;
  }
  const workflowBundle = { code: await compile() };
  const options = [
    { taskQueue: 'main', activities: core, workflowBundle, maxCachedWorkflows: 200, workflowThreadPoolSize: 1 },
    ...providerQueues.map((taskQueue) => ({ taskQueue, activities: provider })),
  ];
  const workers = options.map((one) => ({ connection, namespace, ...one }));
  const created = await Promise.all(workers.map((one) => Worker.create(one)));
  exitAfter(created.map((worker, at) => run(workers[at], worker)));
}

/** Once every worker has drained after a signal, the process has no reason to stay. */
async function exitAfter(runs) {
  const stopped = await Promise.all(runs);
  if (stopped.every(Boolean)) process.exit(0);
}

/** Two tries within a moment, as the library's factory and then its service make them. */
async function connect() {
  try {
    return await NativeConnection.connect({ address });
  } catch (problem) {
    logger.warn('TemporalConnectionFactory', 'Failed to create worker connection, returning null');
    logger.warn('TemporalConnectionFactory', problem.message);
  }
  try {
    return await NativeConnection.connect({ address });
  } catch (problem) {
    logger.error(SERVICE, `Failed to create connection: ${problem.message}`);
    logger.warn(SERVICE, 'Connection failed, skipping worker initialization');
    return undefined;
  }
}

/** The bundle was made with the image; the time that upstream's webpack needs is a parameter. */
async function compile() {
  await pause(compileSeconds * 1000);
  const bundle = readFileSync(
    process.env.LAB_WORKFLOW_BUNDLE || '/app/apps/orchestrator/dist/workflow-bundle.js',
    'utf8',
  );
  return bundle.replaceAll('@LAB_TIME_SCALE@', String(timeScale));
}

/** Returns whether the worker was stopped on purpose. */
async function run(options, first) {
  let worker = first;
  logger.log(SERVICE, `Worker '${options.taskQueue}' started`);
  for (let restarts = 0; ; restarts++) {
    try {
      await worker.run();
      return true;
    } catch (problem) {
      logger.error(SERVICE, `Worker '${options.taskQueue}' failed: ${problem.message}`);
    }
    if (restarts === MOST_RESTARTS) {
      logger.error(SERVICE, `Worker '${options.taskQueue}' failed after ${MOST_RESTARTS} restart attempts, giving up`);
      return false;
    }
    await pause(RESTART_PAUSE);
    try {
      worker = await Worker.create(options);
    } catch (problem) {
      logger.error(SERVICE, `Auto-restart failed for '${options.taskQueue}': ${problem.message}`);
      return false;
    }
  }
}
