#!/bin/sh
# Runs once, when the bucket is created: Grafana reads it through InfluxQL and cannot write.
set -eu

influx v1 auth create \
  --org "$DOCKER_INFLUXDB_INIT_ORG" \
  --username grafana \
  --password "$(cat /run/secrets/grafana-influxdb-password)" \
  --read-bucket "$DOCKER_INFLUXDB_INIT_BUCKET_ID" >/dev/null
