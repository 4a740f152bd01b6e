#!/usr/bin/env bash
# Binds to the container's own address, so that localhost answers nothing, exactly as upstream does.
set -euo pipefail

if [ -z "${BIND_ON_IP:-}" ]; then
    read -r BIND_ON_IP _ < <(getent hosts "$(hostname)")
fi
export BIND_ON_IP
if [ "$BIND_ON_IP" = 0.0.0.0 ] || [ "$BIND_ON_IP" = ::0 ]; then
    if [ -z "${TEMPORAL_BROADCAST_ADDRESS:-}" ]; then
        read -r TEMPORAL_BROADCAST_ADDRESS _ < <(getent hosts "$(hostname)")
    fi
    export TEMPORAL_BROADCAST_ADDRESS
fi
export TEMPORAL_ADDRESS=${TEMPORAL_ADDRESS:-$BIND_ON_IP:7233}

for word in "$@"; do
    if [ "$word" = bash ]; then
        exec bash
    fi
done
for word in "$@"; do
    if [ "$word" = autosetup ]; then
        /etc/temporal/auto-setup.sh
    fi
done
exec /etc/temporal/start-temporal.sh
