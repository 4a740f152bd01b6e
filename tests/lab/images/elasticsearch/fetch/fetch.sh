#!/usr/bin/env bash
# Elasticsearch from Maven: the distribution zip, with mapper-extras (scaled_float) that Temporal's index needs.
set -euo pipefail
version=7.17.27
copy() { # artifact
    mvn -B -ntp -Dmaven.repo.local=/cache/maven org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
        "-Dartifact=$1" -DoutputDirectory=/tmp/maven
}
cd /tmp
copy "org.elasticsearch.distribution.integ-test-zip:elasticsearch:$version:zip"
copy "org.elasticsearch.plugin:mapper-extras-client:$version"
unzip -q "maven/elasticsearch-$version.zip"
cd "elasticsearch-$version"
module=modules/mapper-extras
mkdir "$module"
cp "/tmp/maven/mapper-extras-client-$version.jar" "$module/"
cat >"$module/plugin-descriptor.properties" <<END
description=Adds advanced field mappers
version=$version
name=mapper-extras
classname=org.elasticsearch.index.mapper.MapperExtrasPlugin
java.version=1.8
elasticsearch.version=$version
extended.plugins=
has.native.controller=false
type=isolated
END
# What the vendor's own image does: settings like discovery.type come from the environment.
sed -i 's/^ES_DISTRIBUTION_TYPE=.*/ES_DISTRIBUTION_TYPE=docker/; s/^ES_DISTRIBUTION_FLAVOR=.*/ES_DISTRIBUTION_FLAVOR=default/' \
    bin/elasticsearch-env
grep -q '^ES_DISTRIBUTION_TYPE=docker' bin/elasticsearch-env
chmod 755 bin/*
mkdir -p data logs plugins config/jvm.options.d
tar --numeric-owner --owner=1000 --group=0 -cf "$OUT/elasticsearch.tar" .
