#!/bin/sh
# Hashes the passwords of /run/secrets into Mosquitto's password file, in memory, and becomes the broker. They are
# handed over in a file, because arguments can be read by every process of the container.
set -eu
umask 077

passwords=/run/mosquitto/passwords
: >"$passwords"

add_user() {
  printf '%s:%s\n' "$1" "$(cat "/run/secrets/$2")" >>"$passwords"
}

add_user hub mosquitto-hub-password
add_user health mosquitto-health-password
for secret in /run/secrets/gateway-*-password; do
  id=${secret##*/gateway-}
  add_user "${id%-password}" "${secret##*/}"
done
mosquitto_passwd -U "$passwords"

exec mosquitto -c /mosquitto/config/mosquitto.conf
