#!/usr/bin/env bash
# Writes the server's configuration from the environment, then serves.
set -euo pipefail
{
    cat <<END
temporalGrpcAddress: ${TEMPORAL_ADDRESS:-127.0.0.1:7233}
port: ${TEMPORAL_UI_PORT:-8080}
publicPath: ${TEMPORAL_UI_PUBLIC_PATH:-}
enableUi: ${TEMPORAL_UI_ENABLED:-true}
bannerText: ${TEMPORAL_BANNER_TEXT:-}
defaultNamespace: ${TEMPORAL_DEFAULT_NAMESPACE:-default}
feedbackUrl: ${TEMPORAL_FEEDBACK_URL:-}
notifyOnNewVersion: ${TEMPORAL_NOTIFY_ON_NEW_VERSION:-true}
refreshInterval: ${TEMPORAL_CONFIG_REFRESH_INTERVAL:-0s}
showTemporalSystemNamespace: ${TEMPORAL_SHOW_TEMPORAL_SYSTEM_NAMESPACE:-false}
disableWriteActions: ${TEMPORAL_DISABLE_WRITE_ACTIONS:-false}
hideLogs: ${TEMPORAL_HIDE_LOGS:-false}
cors:
  cookieInsecure: ${TEMPORAL_CSRF_COOKIE_INSECURE:-false}
  allowOrigins:
END
    IFS=, read -ra origins <<<"${TEMPORAL_CORS_ORIGINS:-http://localhost:8080}"
    printf '    - %s\n' "${origins[@]}"
} >config/docker.yaml
exec ./ui-server --env docker start
