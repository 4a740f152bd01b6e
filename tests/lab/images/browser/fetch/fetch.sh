#!/usr/bin/env bash
# The driver only: the browser itself is Debian's.
set -euo pipefail
mkdir /tmp/browser
cp /src/package.json /tmp/browser/
cd /tmp/browser
npm install --no-audit --no-fund --omit=dev
tar --numeric-owner --owner=0 --group=0 -cf "$OUT/puppeteer.tar" .
