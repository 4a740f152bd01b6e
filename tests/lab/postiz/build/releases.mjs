/**
 * The releases, all from one source, which is that of v2.
 * - version: NEXT_PUBLIC_VERSION is set by the Dockerfile; here it goes into the frontend's bundle.
 * - startedWorkflow, omittedWorkflows: what the release starts, and which later types it does not know.
 * - organizationColumns: columns that came with the release.
 * - fault: what the release does wrong, or null.
 */
const v2 = {
  startedWorkflow: 'postWorkflowV109',
  omittedWorkflows: [],
  bundle: 'v2',
  organizationColumns: ['deletedAt'],
  fault: null,
};

export const releases = {
  v1: { ...v2, startedWorkflow: 'postWorkflowV108', omittedWorkflows: ['post.workflow.v1.0.9'], bundle: 'v1', organizationColumns: [] },
  v2,
  'broken-backend': { ...v2, fault: 'backend' },
  'broken-workers': { ...v2, fault: 'workers' },
  'broken-schema': { ...v2, fault: 'schema' },
  'broken-crash': { ...v2, fault: 'crash' },
};
