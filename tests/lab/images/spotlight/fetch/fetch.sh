#!/usr/bin/env bash
# Spotlight answers HTTP 500 to everything with the newest hono that its range allows; 4.12.25 works.
set -euo pipefail
mkdir /tmp/spotlight
cp /src/package.json /tmp/spotlight/
cd /tmp/spotlight
npm install --no-audit --no-fund --omit=dev
tar --numeric-owner --owner=0 --group=0 -cf "$OUT/spotlight.tar" .
