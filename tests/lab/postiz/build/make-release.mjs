/** Turn the common tree under /app into one release: `make-release.mjs RELEASE [--big-next]`. */
import { cpSync, renameSync } from 'node:fs';
import { join } from 'node:path';

import { adapt, compile, files, ROOT, writeRelease } from './compile.mjs';
import { brandFrontend } from './frontend.mjs';
import { growNext } from './grow-next.mjs';
import { releases } from './releases.mjs';

const SHIPPED_AS_SOURCE = [
  'apps/backend/src',
  'apps/orchestrator/src',
  'libraries/nestjs-libraries/src/database/prisma/posts',
  'libraries/nestjs-libraries/src/integrations',
  'libraries/nestjs-libraries/src/temporal',
];

const [name, option] = process.argv.slice(2);
const release = releases[name];
if (!release) throw new Error(`RELEASE must be one of ${Object.keys(releases).join(', ')}, not ${name}`);

writeRelease(release);
compile(release);
cpSync(join(ROOT, '.lab/bundles', `${release.bundle}.js`), join(ROOT, 'apps/orchestrator/dist/workflow-bundle.js'));
adapt(ROOT, release);
// Upstream's image has its TypeScript sources, and which workflow a release starts is read from them.
// The schema push runs from source, so what it needs keeps its name.
for (const folder of SHIPPED_AS_SOURCE) {
  for (const file of files(join(ROOT, folder))) renameSync(file, file.replace(/\.js$/, '.ts'));
}
brandFrontend(process.env.NEXT_PUBLIC_VERSION);
if (option === '--big-next') growNext();
