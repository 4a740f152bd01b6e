#!/usr/bin/env bash
# Next.js' compiler, which the miniature leaves out because serving does not need it.
set -euo pipefail
NEXT=16.3.1

name=$(node -p '"swc-linux-" + process.arch + "-gnu"')
folder=$OUT/app/node_modules/.pnpm/@next+$name@$NEXT/node_modules/@next/$name
mkdir -p "$folder"
cd /tmp
npm pack "@next/$name@$NEXT"
tar -xzf ./*.tgz --strip-components=1 --no-same-owner -C "$folder"
tar -C "$OUT" --numeric-owner --owner=0 --group=0 -cf "$OUT/next-compiler.tar" app
rm -r "$OUT/app"
