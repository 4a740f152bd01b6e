/** Starts the hourly sweep; any non-empty RUN_CRON counts, 'false' too. */
import { temporalClient } from './temporal.module.js';

export async function startInfiniteWorkflows() {
  if (!process.env.RUN_CRON) return;
  try {
    await temporalClient().workflow.start('missingPostWorkflow', {
      workflowId: 'missing-post-workflow',
      taskQueue: 'main',
      args: [],
    });
  } catch {
    // Upstream swallows it: most often the sweep runs already.
  }
}
