#!/bin/sh
# Options alone, or a configuration file, mean redis-server; it never runs as root, or it could not save on SIGTERM.
set -eu
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then
    set -- redis-server "$@"
fi
if [ "$1" = redis-server ]; then
    protected=''
    if [ "$#" -eq 1 ] || [ "${2#-}" != "$2" ]; then
        protected='--protected-mode no'
    fi
    if [ "$(id -u)" = 0 ]; then
        find . \! -user redis -exec chown redis:redis {} +
        # shellcheck disable=SC2086 # two words, or none
        exec setpriv --reuid=redis --regid=redis --clear-groups "$@" $protected
    fi
    # shellcheck disable=SC2086
    exec "$@" $protected
fi
exec "$@"
