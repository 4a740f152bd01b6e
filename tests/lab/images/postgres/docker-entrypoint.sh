#!/usr/bin/env bash
# First start: initialise PGDATA from POSTGRES_* behind the socket only, then serve on every address.
set -euo pipefail

from_file() { # NAME: value of NAME_FILE, unless NAME itself is set
    local file=${1}_FILE
    if [ -n "${!1:-}" ] && [ -n "${!file:-}" ]; then
        echo "error: both $1 and $file are set (but are exclusive)" >&2
        exit 1
    fi
    if [ -n "${!file:-}" ]; then
        export "$1=$(<"${!file}")"
    fi
    unset "$file"
}

initialise() {
    local name host_auth=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER
    from_file POSTGRES_DB
    export POSTGRES_USER=${POSTGRES_USER:-postgres}
    export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$host_auth" != trust ]; then
        echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
        echo '       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser.' >&2
        exit 1
    fi
    # Words of POSTGRES_INITDB_ARGS are arguments of their own.
    # shellcheck disable=SC2086
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-}") \
        --auth-local=trust --auth-host="$host_auth" ${POSTGRES_INITDB_ARGS:-}
    printf '\nhost all all all %s\n' "$host_auth" >>"$PGDATA/pg_hba.conf"
    # The official image's directory, and the one these programs were compiled for.
    echo "unix_socket_directories = '/var/run/postgresql,/tmp'" >>"$PGDATA/postgresql.conf"
    pg_ctl --wait --silent start -o "-c listen_addresses=''"
    if [ "$POSTGRES_DB" != postgres ]; then
        psql --no-psqlrc --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 --set name="$POSTGRES_DB" \
            <<<'CREATE DATABASE :"name";'
    fi
    for name in /docker-entrypoint-initdb.d/*; do
        case $name in
        *.sh) bash "$name" ;;
        *.sql) psql --no-psqlrc --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 --file "$name" ;;
        esac
    done
    pg_ctl --wait --silent --mode=fast stop
    echo 'PostgreSQL init process complete; ready for start up.'
}

if [ "${1:0:1}" = - ]; then
    set -- postgres "$@"
fi
if [ "$1" = postgres ]; then
    if [ "$(id -u)" = 0 ]; then
        install -d -m 700 "$PGDATA"
        find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres:postgres {} +
        chmod 700 "$PGDATA"
        exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        initialise
    else
        echo 'PostgreSQL Database directory appears to contain a database; Skipping initialization'
    fi
fi
exec "$@"
