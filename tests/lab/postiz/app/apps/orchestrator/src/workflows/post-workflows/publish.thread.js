/** Root first, then its children in order; any failure is written to the root. */
import { ActivityFailure, ApplicationFailure, sleep } from '@temporalio/workflow';

import { scaled } from '../timing.js';
import { commenting, core } from './post.activities.js';
import { publishRoot, Unconfirmed } from './publish.root.js';

/** Returns whether the root is live. */
export async function publishThread(taskQueue, thread, keyOf) {
  const [root, ...children] = thread;
  const { changeState, updatePost, inAppNotification, startStreak, handleRefusal } = core;
  let live = false;
  try {
    const { releaseId, releaseURL } = await publishRoot(taskQueue, root, keyOf(root));
    live = true;
    await updatePost(root.id, releaseId, releaseURL);
    await publishChildren(taskQueue, children, releaseId, keyOf);
    await inAppNotification(
      root.organizationId,
      `Your post has been published on ${root.integration.providerIdentifier}`,
      releaseURL,
    );
    await startStreak(root.organizationId);
  } catch (failure) {
    if (failure instanceof Unconfirmed) {
      await changeState(root.id, 'ERROR', 'Could not confirm the post status', thread);
    } else if (failure instanceof ActivityFailure) {
      const type = failure.cause instanceof ApplicationFailure ? failure.cause.type : undefined;
      await handleRefusal(root.integration, type);
      await changeState(root.id, 'ERROR', failure, thread);
    } else {
      throw failure;
    }
  }
  return live;
}

async function publishChildren(taskQueue, children, releaseId, keyOf) {
  const { postComment } = commenting(taskQueue);
  for (const child of children) {
    if (child.delay) await sleep(scaled(child.delay * 60));
    const published = await postComment(child, releaseId, keyOf(child));
    // Providers without comments leave their children in QUEUE for good.
    if (!published) return;
    await core.updatePost(child.id, published.releaseId, published.releaseURL);
  }
}
