#!/usr/bin/env bash
# Packages, the frontend's build and the global tools, as one archive of what lies under / in the image.
# Runs in postiz-lab/node:22 with the machine's client settings.
set -euo pipefail
PNPM=10.6.1
PM2=7.0.4

root=/build/root
app=$root/app
mkdir -p "$app" "$root/usr/local"

npm install --global --prefix "$root/usr/local" --no-fund --no-audit "pnpm@$PNPM" "pm2@$PM2"
PATH=$root/usr/local/bin:$PATH

cp -r /src/. "$app"
rm "$app/fetch.sh"
cd "$app"
pnpm install --frozen-lockfile --prefer-offline --store-dir /cache/pnpm --package-import-method copy

(
  cd apps/frontend
  NEXT_TELEMETRY_DISABLED=1 NEXT_PUBLIC_VERSION=v0.0.0-lab-placeholder pnpm run build
)

# Needed to build, or for other processors: a third of the size.
here=$(node -p 'process.arch === "arm64" ? "aarch64-unknown-linux-gnu" : "x86_64-unknown-linux-gnu"')
find node_modules/.pnpm/@temporalio+core-bridge@*/node_modules/@temporalio/core-bridge \
  -mindepth 1 -maxdepth 2 \( -path '*/releases/*' ! -name "$here" -o -name sdk-core \) -prune -exec rm -rf {} +
rm -rf node_modules/.pnpm/@next+swc-*

tar -C "$root" -cf "$OUT/app.tar" .
chown "$OWNER" "$OUT/app.tar"
