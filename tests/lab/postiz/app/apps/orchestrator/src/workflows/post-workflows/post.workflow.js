/** What every known version of the post workflow does; see the versions for their names. */
import { defineSignal, ParentClosePolicy, setHandler, sleep, startChild, uuid4 } from '@temporalio/workflow';

import { scaled } from '../timing.js';
import { core } from './post.activities.js';
import { publishThread } from './publish.thread.js';

const DAY = 86_400;
const poke = defineSignal('poke');
const random = () => uuid4().replaceAll('-', '').slice(0, 10);

/** `input`: { taskQueue, postId, organizationId, postNow? }; postNow skips the state and the waiting. */
export async function publishPost(workflowType, input) {
  const { taskQueue, postId, organizationId, postNow } = input;
  const { getPostsList, changeState } = core;
  // Upstream's handler sets a variable that nobody reads: a running workflow ignores it.
  setHandler(poke, () => {});

  const before = await getPostsList(organizationId, postId);
  if (!exists(before)) return changeState(postId, 'ERROR', 'No Post');
  if (!postNow) {
    if (before[0].state !== 'QUEUE') return changeState(postId, 'ERROR', 'Already posted', before);
    const wait = Date.parse(`${before[0].publishDate}Z`) - Date.now();
    if (wait > 0) await sleep(wait);
  }

  const thread = await getPostsList(organizationId, postId);
  if (!exists(thread)) return changeState(postId, 'ERROR', 'No Post');
  const [{ integration, intervalInDays }] = thread;
  if (integration.refreshNeeded) return changeState(postId, 'ERROR', 'Refresh channel needed', thread);
  if (integration.disabled) return changeState(postId, 'ERROR', 'Channel disabled', thread);

  const run = random();
  const live = await publishThread(taskQueue, thread, (post) => `${post.id}-${run}`);
  if (live && intervalInDays) await repeat(workflowType, input, intervalInDays);
}

const exists = (thread) => thread.length > 0 && !thread[0].deletedAt;

async function repeat(workflowType, input, days) {
  await sleep(scaled(days * DAY));
  await startChild(workflowType, {
    workflowId: `post_${input.postId}_${random()}`,
    parentClosePolicy: ParentClosePolicy.ABANDON,
    args: [{ ...input, postNow: true }],
    searchAttributes: { postId: [input.postId] },
  });
}
