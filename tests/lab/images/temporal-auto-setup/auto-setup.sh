#!/usr/bin/env bash
# Waits for the databases, sets up schemas; namespace and search attributes follow in the background once it serves.
set -euo pipefail

: "${DB:=cassandra}" "${DB_PORT:=5432}" "${DBNAME:=temporal}" "${VISIBILITY_DBNAME:=temporal_visibility}"
: "${POSTGRES_SEEDS:=}" "${POSTGRES_USER:=}" "${POSTGRES_PWD:=}"
: "${ENABLE_ES:=false}" "${ES_SCHEME:=http}" "${ES_SEEDS:=}" "${ES_PORT:=9200}" "${ES_USER:=}" "${ES_PWD:=}"
: "${ES_VIS_INDEX:=temporal_visibility_v1_dev}" "${ES_SCHEMA_SETUP_TIMEOUT_IN_SECONDS:=0}"
: "${SKIP_SCHEMA_SETUP:=false}" "${SKIP_DB_CREATE:=false}"
: "${SKIP_DEFAULT_NAMESPACE_CREATION:=false}" "${SKIP_ADD_CUSTOM_SEARCH_ATTRIBUTES:=false}"
: "${DEFAULT_NAMESPACE:=default}" "${DEFAULT_NAMESPACE_RETENTION:=24h}"

die() {
    echo "$*" >&2
    exit 1
}

validate() {
    case $DB in
    postgres12 | postgres12_pgx) [ -n "$POSTGRES_SEEDS" ] || die 'POSTGRES_SEEDS env must be set if DB is postgres12.' ;;
    *) die "Unsupported driver specified: 'DB=$DB'. This image has postgres12 and postgres12_pgx." ;;
    esac
    if [ "$ENABLE_ES" = true ] && [ -z "$ES_SEEDS" ]; then
        die 'ES_SEEDS env must be set if ENABLE_ES is true.'
    fi
}

wait_for_postgres() {
    local host=${POSTGRES_SEEDS%%,*}
    until (exec 3<>"/dev/tcp/$host/$DB_PORT") 2>/dev/null; do
        echo 'Waiting for PostgreSQL to startup.'
        sleep 1
    done
    echo 'PostgreSQL started.'
}

sql_tool() { # database, arguments…
    local database=$1
    shift
    SQL_PASSWORD=$POSTGRES_PWD temporal-sql-tool --plugin "$DB" --endpoint "${POSTGRES_SEEDS%%,*}" --port "$DB_PORT" \
        --user "$POSTGRES_USER" --database "$database" "$@"
}

setup_database() { # database, schema
    # Both are refused on a restart, when database and version table are there; a real fault shows in the update.
    if [ "$SKIP_DB_CREATE" != true ] && [ "$1" != "$POSTGRES_USER" ]; then
        sql_tool "$1" create || true
    fi
    sql_tool "$1" setup-schema --version 0.0 || true
    sql_tool "$1" update-schema --schema-name "postgresql/v12/$2"
}

elasticsearch() { # path, curl arguments…
    local url="$ES_SCHEME://${ES_SEEDS%%,*}:$ES_PORT/$1"
    shift
    curl --silent --show-error --fail --user "$ES_USER:$ES_PWD" "$@" "$url"
}

setup_elasticsearch() {
    local waited=0 json='Content-Type: application/json' schema=$TEMPORAL_HOME/schema/elasticsearch
    until elasticsearch '' --output /dev/null 2>/dev/null; do
        echo 'Waiting for Elasticsearch to start up.'
        sleep 1
        waited=$((waited + 1))
        if [ "$ES_SCHEMA_SETUP_TIMEOUT_IN_SECONDS" -gt 0 ] && [ "$waited" -ge "$ES_SCHEMA_SETUP_TIMEOUT_IN_SECONDS" ]; then
            die 'Elasticsearch did not start in time.'
        fi
    done
    echo 'Elasticsearch started.'
    elasticsearch _cluster/settings -X PUT -H "$json" --data-binary "@$schema/cluster_settings.json" --output /dev/null
    elasticsearch _template/temporal_visibility_v1_template -X PUT -H "$json" \
        --data-binary "@$schema/index_template.json" --output /dev/null
    if ! elasticsearch "$ES_VIS_INDEX" --head --output /dev/null 2>/dev/null; then
        elasticsearch "$ES_VIS_INDEX" -X PUT --output /dev/null
    fi
}

setup_server() {
    until temporal operator cluster health 2>/dev/null | grep -q SERVING; do
        echo 'Waiting for Temporal server to start...'
        sleep 1
    done
    echo 'Temporal server started.'
    if [ "$SKIP_DEFAULT_NAMESPACE_CREATION" != true ] \
        && ! temporal operator namespace describe --namespace "$DEFAULT_NAMESPACE" >/dev/null 2>&1; then
        temporal operator namespace create --namespace "$DEFAULT_NAMESPACE" --retention "$DEFAULT_NAMESPACE_RETENTION" \
            --description 'Default namespace for Temporal Server.'
    fi
    if [ "$SKIP_ADD_CUSTOM_SEARCH_ATTRIBUTES" != true ]; then
        add_search_attributes
    fi
}

add_search_attributes() {
    # On SQL visibility these take two of the three places for attributes of type Text.
    until temporal operator search-attribute list --namespace "$DEFAULT_NAMESPACE" >/dev/null 2>&1; do
        echo 'Waiting for namespace cache to refresh...'
        sleep 1
    done
    temporal operator search-attribute create --namespace "$DEFAULT_NAMESPACE" \
        --name CustomKeywordField --type Keyword --name CustomStringField --type Text \
        --name CustomTextField --type Text --name CustomIntField --type Int \
        --name CustomDatetimeField --type Datetime --name CustomDoubleField --type Double \
        --name CustomBoolField --type Bool
}

validate
if [ "$SKIP_SCHEMA_SETUP" != true ]; then
    wait_for_postgres
    setup_database "$DBNAME" temporal
    if [ "$ENABLE_ES" = true ]; then
        setup_elasticsearch
    else
        setup_database "$VISIBILITY_DBNAME" visibility
    fi
fi
setup_server &
