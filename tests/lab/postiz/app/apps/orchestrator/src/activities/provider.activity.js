/** Publishing activities, on the provider's queue. */
import { hasComments } from '../../../../libraries/nestjs-libraries/src/integrations/integration.manager.js';
import { publish } from '../../../../libraries/nestjs-libraries/src/integrations/social/social.abstract.js';

/** Nothing is visible yet: a container on Meta, an upload on TikTok. */
export const postSocialPending = async (post, idempotencyKey) => ({ postId: post.id, idempotencyKey });

export const checkPostStatus = async () => true;

/** The single call that makes the post visible. */
export const finalizePost = (post, { idempotencyKey }) => publish(post.integration, post, idempotencyKey);

/** Returns undefined where the provider has no comments. */
export async function postComment(child, _releaseId, idempotencyKey) {
  return hasComments(child.integration.providerIdentifier)
    ? publish(child.integration, child, idempotencyKey)
    : undefined;
}
