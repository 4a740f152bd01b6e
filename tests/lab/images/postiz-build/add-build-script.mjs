/** Upstream's script `build:frontend`; and sources that moved on from v1 to v2, as a patch made for v1 must notice. */
import { readFileSync, writeFileSync } from 'node:fs';

const [release] = process.argv.slice(2);

const manifest = JSON.parse(readFileSync('/app/package.json', 'utf8'));
manifest.scripts['build:frontend'] = 'rm -rf apps/frontend/dist && pnpm --filter ./apps/frontend run build';
writeFileSync('/app/package.json', `${JSON.stringify(manifest, null, 2)}\n`);

if (release !== 'v1') {
  const page = '/app/apps/frontend/app/auth/login/page.js';
  writeFileSync(page, `/** The page of ${release}. */\n${readFileSync(page, 'utf8')}`);
}
