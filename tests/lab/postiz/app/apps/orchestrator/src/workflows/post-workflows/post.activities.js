/** Activities of a post workflow with upstream's limits: what publishes has one attempt. */
import { proxyActivities } from '@temporalio/workflow';

import { scaled, timeout } from '../timing.js';

export const core = proxyActivities({
  taskQueue: 'main',
  startToCloseTimeout: timeout(600),
  retry: { maximumAttempts: 3, initialInterval: scaled(120), backoffCoefficient: 1 },
});

export const publishing = (taskQueue) =>
  proxyActivities({ taskQueue, startToCloseTimeout: timeout(1800), retry: { maximumAttempts: 1 } });

export const commenting = (taskQueue) =>
  proxyActivities({
    taskQueue,
    startToCloseTimeout: timeout(1800),
    retry: { maximumAttempts: 3, initialInterval: scaled(120), backoffCoefficient: 1 },
  });

export const checking = (taskQueue) =>
  proxyActivities({ taskQueue, startToCloseTimeout: timeout(120), retry: { maximumAttempts: 3 } });
