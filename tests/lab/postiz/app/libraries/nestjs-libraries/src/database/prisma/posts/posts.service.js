/** What the API does with posts: rows first, then the workflow. */
import { randomUUID } from 'node:crypto';

import { queueOf } from '../../../integrations/integration.manager.js';
import * as logger from '../../../lab/logger.js';
import { temporalClient } from '../../../temporal/temporal.module.js';
import { postAttributes } from '../../../temporal/temporal.search.attribute.js';
import * as integrations from '../integrations.repository.js';
import * as posts from './posts.repository.js';

async function terminateRunning(postId) {
  const running = temporalClient().workflow.list({ query: `postId="${postId}" AND ExecutionStatus="Running"` });
  for await (const { workflowId } of running) {
    await temporalClient().workflow.getHandle(workflowId).terminate();
  }
}

/** Every error is swallowed: without Temporal the post stays QUEUE and has no workflow. */
export async function startWorkflow(providerIdentifier, postId, organizationId, state) {
  try {
    await terminateRunning(postId);
    if (state === 'DRAFT') return;
    await temporalClient().workflow.start('postWorkflowV109', {
      workflowId: `post_${postId}`,
      taskQueue: 'main',
      workflowIdConflictPolicy: 'TERMINATE_EXISTING',
      args: [{ taskQueue: queueOf(providerIdentifier), postId, organizationId }],
      typedSearchAttributes: postAttributes(postId, organizationId),
    });
  } catch (problem) {
    logger.warn('PostsService', `workflow post_${postId} was not started: ${problem.message}`);
  }
}

export async function createPosts(organizationId, body) {
  const state = body.type === 'draft' ? 'DRAFT' : 'QUEUE';
  const date = body.type === 'now' ? new Date(Math.floor(Date.now() / 60000) * 60000) : asUtc(body.date);
  const group = randomUUID();
  const created = [];
  for (const {
    integration: { id },
    value,
    settings,
    group: given,
  } of body.posts) {
    const integration = await integrations.getIntegration(organizationId, id);
    if (!integration) throw Object.assign(new Error('Integration not found'), { status: 400 });
    const postId = await posts.createThread({
      organizationId,
      integration,
      state,
      date,
      interval: body.inter,
      creationMethod: body.creationMethod ?? 'API',
      settings,
      values: value,
      group: given ?? group,
    });
    await startWorkflow(integration.providerIdentifier, postId, organizationId, state);
    created.push({ postId, integration: id });
  }
  return created;
}

/** A date without a zone is UTC. */
function asUtc(text) {
  const moment = new Date(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
  if (Number.isNaN(moment.getTime()))
    throw Object.assign(new Error('date must be a valid ISO 8601 date string'), { status: 400 });
  return moment;
}

/** Upstream answers {"error": true} when it worked, and dies of a TypeError on an unknown id. */
export async function deletePost(organizationId, id) {
  const { group } = await posts.getPostById(organizationId, id);
  await posts.deleteGroup(organizationId, group);
  await terminateRunning(id).catch((problem) => logger.warn('PostsService', problem.message));
  return { error: true };
}

/** No guard against PUBLISHED: re-queueing a live post publishes it again. */
export async function changePostStatus(organizationId, id, status) {
  const post = await posts.getPostById(organizationId, id);
  const state = status === 'draft' ? 'DRAFT' : 'QUEUE';
  await posts.setState(post.id, state);
  await startWorkflow(post.providerIdentifier, id, organizationId, state);
  return { id, state };
}
