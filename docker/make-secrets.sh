#!/bin/sh
# Makes every secret that compose.yaml names, 32 random bytes each. A secret that is there stays as it is, so
# running it again after an upgrade adds only what is new. Another folder may be given as the first argument.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
folder=${1:-$here/secrets}

# The folder keeps others out. The files are readable by all, because a container sees only the file, mounted with
# the owner and mode that it has here, and reads it as a user that this machine does not know.
umask 077
mkdir -p "$folder"
chmod 0700 "$folder"

random_hex() {
  od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n'
}

for name in \
  gateway-line-1-password \
  mosquitto-hub-password \
  mosquitto-health-password \
  postgres-password \
  influxdb-password \
  influxdb-token \
  grafana-admin-password \
  grafana-postgres-password \
  grafana-influxdb-password; do
  if [ -s "$folder/$name" ]; then
    printf 'kept: %s\n' "$name"
    continue
  fi
  # No line break at the end: some images take the file as it is.
  random_hex >"$folder/$name.new"
  chmod 0444 "$folder/$name.new"
  mv "$folder/$name.new" "$folder/$name"
  printf 'made: %s\n' "$name"
done
