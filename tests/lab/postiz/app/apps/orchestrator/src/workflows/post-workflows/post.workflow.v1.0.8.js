import { publishPost } from './post.workflow.js';

export async function postWorkflowV108(input) {
  await publishPost('postWorkflowV108', input);
}
