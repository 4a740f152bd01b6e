/**
 * The releases, all from one source, which is that of v2. Their versions are set by the Dockerfile.
 * - startedWorkflow, omittedWorkflows: what the release starts, and which later types it does not know.
 * - bundle: which of the workflow bundles it carries.
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
  v1: {
    startedWorkflow: 'postWorkflowV108',
    omittedWorkflows: ['post.workflow.v1.0.9'],
    bundle: 'v1',
    organizationColumns: [],
    fault: null,
  },
  v2,
  'broken-backend': { ...v2, fault: 'backend' },
  'broken-workers': { ...v2, fault: 'workers' },
  'broken-schema': { ...v2, fault: 'schema' },
  'broken-crash': { ...v2, fault: 'crash' },
};
