/**
 * One Next.js build serves all releases: a build's id is one random word, the version was inlined as a
 * placeholder, and the chunk that carries it gets a name of its own, as a build of that release would give it.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { files, ROOT } from './compile.mjs';

export const NEXT = join(ROOT, 'apps/frontend/.next');
export const PLACEHOLDER = 'v0.0.0-lab-placeholder';
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

const word = (length) => [...randomBytes(length)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');

/** Give the built frontend a new id and `version`. */
export function brandFrontend(version) {
  const oldId = readFileSync(join(NEXT, 'BUILD_ID'), 'utf8').trim();
  const served = files(NEXT).filter((file) => !file.startsWith(join(NEXT, 'cache')));
  const replacements = [
    [oldId, word(oldId.length)],
    [PLACEHOLDER, version],
    ...served
      .filter(
        (file) =>
          file.startsWith(join(NEXT, 'static/chunks')) &&
          file.endsWith('.js') &&
          readFileSync(file, 'utf8').includes(PLACEHOLDER),
      )
      .map((file) => basename(file, '.js'))
      .map((name) => [name, word(name.length).toLowerCase()]),
  ];
  const renamed = (text) => replacements.reduce((result, [from, to]) => result.replaceAll(from, to), text);
  for (const file of served) {
    const bytes = readFileSync(file, 'latin1');
    const changed = renamed(bytes);
    if (changed !== bytes) writeFileSync(file, changed, 'latin1');
    const target = join(NEXT, renamed(file.slice(NEXT.length)));
    if (target === file) continue;
    mkdirSync(dirname(target), { recursive: true });
    renameSync(file, target);
  }
}
