import { publishPost } from './post.workflow.js';

export async function postWorkflowV109(input) {
  await publishPost('postWorkflowV109', input);
}
