/** Terminated and started anew with each publish of an organization. */
import { sleep } from '@temporalio/workflow';

import { scaled } from './timing.js';

export async function streakWorkflow() {
  await sleep(scaled(2 * 86_400));
}
