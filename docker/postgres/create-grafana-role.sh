#!/bin/sh
# Runs once, when the database is created: Grafana reads and cannot write.
set -eu

password=$(cat /run/secrets/grafana-postgres-password)
# psql's \set keeps the password out of the arguments; :'…' quotes it.
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 <<SQL
\\set password '$password'
CREATE ROLE grafana LOGIN PASSWORD :'password';
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';
GRANT pg_read_all_data TO grafana;
SQL
