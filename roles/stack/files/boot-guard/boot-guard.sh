#!/bin/sh
# PID 1 of the Postiz container: waits for Temporal, then runs the image's own entrypoint and command.
#
# Health conditions of Compose hold for `up`, not when the engine restarts its containers by itself;
# an orchestrator that finds no Temporal at boot never polls again. And the image's command is a
# shell that ignores SIGTERM, so that PM2 and the workers would be killed without a chance to finish.
# Arguments: the image's entrypoint and command. Needs only what the image has: sh and node.
set -u

child=
stopping=

# PID 1 is not among the targets of -1: this shell stays to see the others end.
trap 'stopping=1; kill -TERM -1 2>/dev/null' TERM INT

node "$(dirname "$0")/wait-for-temporal.js" &
child=$!
wait "$child"
waited=$?
if [ -n "$stopping" ]; then
  exit 143
fi
if [ "$waited" -ne 0 ]; then
  echo "boot-guard: the wait for Temporal ended with exit code $waited" >&2
  exit "$waited"
fi

"$@" &
child=$!
wait "$child"
status=$?
while [ -n "$stopping" ]; do
  wait
  set -- /proc/[0-9]*
  if [ "$#" -le 1 ]; then
    break
  fi
  sleep 0.2
done
exit "$status"
