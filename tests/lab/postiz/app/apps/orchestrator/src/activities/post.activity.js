/** Core activities, on `main`. */
import * as integrations from '../../../../libraries/nestjs-libraries/src/database/prisma/integrations.repository.js';
import * as posts from '../../../../libraries/nestjs-libraries/src/database/prisma/posts/posts.repository.js';
import { queueOf } from '../../../../libraries/nestjs-libraries/src/integrations/integration.manager.js';
import * as logger from '../../../../libraries/nestjs-libraries/src/lab/logger.js';
import { temporalClient } from '../../../../libraries/nestjs-libraries/src/temporal/temporal.module.js';
import { postAttributes } from '../../../../libraries/nestjs-libraries/src/temporal/temporal.search.attribute.js';

export const { getPostsList, updatePost, changeState } = posts;

export const inAppNotification = (organizationId, content, link) => integrations.notify(organizationId, content, link);

/** A refused token disables the channel until somebody reconnects it: the network here refreshes none. */
export async function handleRefusal(integration, type) {
  if (type !== 'refresh_token' && type !== 'disconnect') return;
  await integrations.refreshNeeded(integration.id);
  await integrations.notify(
    integration.organizationId,
    `Could not refresh your ${integration.providerIdentifier} channel`,
  );
}

/** Wakes or starts the workflow of every overdue post of the last two days. */
export async function searchForMissingThreeHoursPosts() {
  for (const { id, organizationId, providerIdentifier } of await posts.searchForMissingThreeHoursPosts()) {
    await temporalClient().workflow.signalWithStart('postWorkflowV109', {
      workflowId: `post_${id}`,
      taskQueue: 'main',
      signal: 'poke',
      signalArgs: [],
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [{ taskQueue: queueOf(providerIdentifier), postId: id, organizationId }],
      typedSearchAttributes: postAttributes(id, organizationId),
    });
  }
}

/** Its failure must never repeat a publish. */
export async function startStreak(organizationId) {
  try {
    await temporalClient().workflow.start('streakWorkflow', {
      workflowId: `streak_${organizationId}`,
      taskQueue: 'main',
      workflowIdConflictPolicy: 'TERMINATE_EXISTING',
      args: [],
    });
  } catch (problem) {
    logger.warn('PostActivity', `streak_${organizationId} was not started: ${problem.message}`);
  }
}
