/** Prepare, finalize, and when the outcome is unknown send again with the same key. */
import { ActivityFailure, ApplicationFailure, sleep, TimeoutFailure } from '@temporalio/workflow';

import { scaled } from '../timing.js';
import { checking, publishing } from './post.activities.js';

const CALLS = 5;
const PAUSE = 20;
const MOST_CHECKS = 90;

/** Thrown when every call ended without an answer. */
export class Unconfirmed extends Error {}

/** Returns { releaseId, releaseURL }; throws Unconfirmed, or the ActivityFailure of a refused post. */
export async function publishRoot(taskQueue, post, idempotencyKey) {
  const { postSocialPending, finalizePost } = publishing(taskQueue);
  const pending = await postSocialPending(post, idempotencyKey);
  for (let call = 1; ; call++) {
    await untilReady(taskQueue, pending);
    try {
      return await finalizePost(post, pending);
    } catch (failure) {
      if (!outcomeUnknown(failure)) throw failure;
      if (call === CALLS) throw new Unconfirmed();
      await sleep(scaled(PAUSE));
    }
  }
}

async function untilReady(taskQueue, pending) {
  const { checkPostStatus } = checking(taskQueue);
  for (let check = 0; check < MOST_CHECKS; check++) {
    if (await checkPostStatus(pending)) return;
    await sleep(scaled(PAUSE));
  }
  throw new Unconfirmed();
}

function outcomeUnknown(failure) {
  if (!(failure instanceof ActivityFailure)) return false;
  const { cause } = failure;
  return cause instanceof TimeoutFailure || (cause instanceof ApplicationFailure && cause.type === 'unconfirmed');
}
