/** Two workflow bundles, before and after the newest post workflow, shared by all releases. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { compile, ROOT, writeRelease } from './compile.mjs';
import { releases } from './releases.mjs';

const { bundleWorkflowCode } = createRequire(join(ROOT, 'package.json'))('@temporalio/worker');
const orchestrator = join(ROOT, 'apps/orchestrator');
const bundles = join(ROOT, '.lab/bundles');

mkdirSync(bundles, { recursive: true });
for (const name of ['v1', 'v2']) {
  writeRelease(releases[name]);
  compile(releases[name]);
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(orchestrator, 'dist/apps/orchestrator/src/workflows/index.js'),
  });
  writeFileSync(join(bundles, `${name}.js`), code);
  rmSync(join(orchestrator, 'dist'), { recursive: true });
}
