export * from './missing.post.workflow.js';
export * from './streak.workflow.js';
export * from './post-workflows/post.workflow.v1.0.8.js';
export * from './post-workflows/post.workflow.v1.0.9.js';
