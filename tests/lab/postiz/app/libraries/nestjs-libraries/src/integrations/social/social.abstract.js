/** The one call that makes a post visible, with upstream's retries and failures. */
import { ApplicationFailure } from '@temporalio/common';

import { scaledPause, socialUrl } from '../../lab/environment.js';
import { queueOf } from '../integration.manager.js';
import { classify } from './errors.js';

const RETRIES = 3;
const RETRY_PAUSE = 5;

/** The network may or may not have taken the post. */
export const UNCONFIRMED = 'unconfirmed';

/** Publish one post or comment; returns { releaseId, releaseURL }. */
export async function publish(integration, post, idempotencyKey) {
  const queue = queueOf(integration.providerIdentifier);
  const body = JSON.stringify({ channel: integration.providerIdentifier, postId: post.id, content: post.content });
  for (let retry = 0; ; retry++) {
    const { status, text } = await call(body, integration.token, idempotencyKey);
    if (status === 200 || status === 201) {
      const { id, url } = JSON.parse(text);
      return { releaseId: id, releaseURL: url };
    }
    const { type, message } = classify(queue, status, text);
    if (type !== 'retry') throw failure(type, message, integration, text, body);
    if (retry === RETRIES) throw failure('bad_body', message, integration, text, body);
    await scaledPause(RETRY_PAUSE);
  }
}

async function call(body, token, idempotencyKey) {
  try {
    const response = await fetch(`${socialUrl}/publish`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Authorization: `Bearer ${token}`,
        'Idempotency-Key': idempotencyKey,
        // A kept-alive connection that the network closed would look like a dropped answer.
        Connection: 'close',
      },
      body,
    });
    return { status: response.status, text: await response.text() };
  } catch (problem) {
    throw ApplicationFailure.create({
      type: UNCONFIRMED,
      message: `fetch failed: ${problem.cause?.message ?? problem.message}`,
      nonRetryable: true,
    });
  }
}

const failure = (type, message, integration, json, body) =>
  ApplicationFailure.create({
    type,
    message,
    nonRetryable: true,
    details: [{ identifier: integration.providerIdentifier, json: json.slice(0, 4000), body: body.slice(0, 4000) }],
  });
