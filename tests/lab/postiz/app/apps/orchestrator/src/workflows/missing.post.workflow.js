/** The sweep: at once, then every hour for good. */
import { continueAsNew, proxyActivities, sleep, workflowInfo } from '@temporalio/workflow';

import { scaled, timeout } from './timing.js';

const HOUR = 3600;

const { searchForMissingThreeHoursPosts } = proxyActivities({
  taskQueue: 'main',
  startToCloseTimeout: timeout(600),
  retry: { maximumAttempts: 3 },
});

export async function missingPostWorkflow() {
  while (!workflowInfo().continueAsNewSuggested) {
    await searchForMissingThreeHoursPosts();
    await sleep(scaled(HOUR));
  }
  await continueAsNew();
}
