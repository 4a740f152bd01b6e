/** Sources → dist, in upstream's layout: apps/<app>/dist holds the app and the libraries. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = process.env.LAB_APP_ROOT || '/app';

const NEWEST = 'postWorkflowV109';
const STARTS = [
  'libraries/nestjs-libraries/src/database/prisma/posts/posts.service.js',
  'apps/orchestrator/src/activities/post.activity.js',
];
const WORKFLOWS = 'apps/orchestrator/src/workflows';

/** Write release.js, the module by which the programs know their release. */
export function writeRelease(release) {
  const { fault, organizationColumns } = release;
  writeFileSync(
    join(ROOT, 'libraries/nestjs-libraries/src/release.js'),
    `export const release = ${JSON.stringify({ fault, organizationColumns })};\n`,
  );
}

/** Fill apps/backend/dist and apps/orchestrator/dist for `release`. */
export function compile(release) {
  for (const app of ['backend', 'orchestrator']) {
    const dist = join(ROOT, 'apps', app, 'dist');
    rmSync(dist, { recursive: true, force: true });
    cpSync(join(ROOT, 'libraries'), join(dist, 'libraries'), { recursive: true });
    cpSync(join(ROOT, 'apps', app, 'src'), join(dist, 'apps', app, 'src'), { recursive: true });
    adapt(dist, release);
  }
}

/** Make a tree of sources (or of dist) what `release` was: other workflow started, later ones unknown. */
export function adapt(tree, release) {
  for (const file of STARTS) edit(join(tree, file), (text) => text.replaceAll(NEWEST, release.startedWorkflow));
  for (const name of release.omittedWorkflows) {
    rmSync(join(tree, WORKFLOWS, 'post-workflows', `${name}.js`), { force: true });
    edit(join(tree, WORKFLOWS, 'index.js'), (text) => text.replace(new RegExp(`^.*${name}.*\\n`, 'm'), ''));
  }
}

function edit(file, change) {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (problem) {
    // An app's dist has only its own part of the tree.
    if (problem.code === 'ENOENT') return;
    throw problem;
  }
  writeFileSync(file, change(text));
}

/** Every file below `folder`. */
export const files = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
