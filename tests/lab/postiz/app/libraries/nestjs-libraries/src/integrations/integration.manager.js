/** Providers differ here only in what the collection can notice. */

/** Upstream publishes no comments there: children stay QUEUE for good. */
const WITHOUT_COMMENTS = new Set(['tiktok', 'pinterest', 'youtube']);

/** `linkedin-page` and `linkedin` share a queue. */
export const queueOf = (providerIdentifier) => providerIdentifier.split('-')[0].toLowerCase();

export const hasComments = (providerIdentifier) => !WITHOUT_COMMENTS.has(queueOf(providerIdentifier));
