/** The two attributes by which workflows of a post are found. Text, so a match is by token. */
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';

export const organizationId = defineSearchAttributeKey('organizationId', SearchAttributeType.TEXT);
export const postId = defineSearchAttributeKey('postId', SearchAttributeType.TEXT);

export const postAttributes = (post, organization) =>
  new TypedSearchAttributes([
    { key: postId, value: post },
    { key: organizationId, value: organization },
  ]);
