#!/bin/sh
# Prepare InfluxDB 2 for balise, once: what is there already is left as it is. Runs in the influxdb image (compose.yml).
set -eu
INFLUX_HOST=http://influxdb:8086
INFLUX_ORG=balise
INFLUX_TOKEN=$(cat /run/secrets/influx_admin_token)
export INFLUX_HOST INFLUX_ORG INFLUX_TOKEN

bucket() {
    # Print the id of a bucket, made with its retention where it is missing.
    id=$(influx bucket list --name "$1" --hide-headers 2>/dev/null | cut -f1)
    [ -n "$id" ] || id=$(influx bucket create --name "$1" --retention "$2" --hide-headers | cut -f1)
    echo "$id"
}

database() {
    # InfluxQL speaks of databases: give the bucket $1 the name $2.
    influx v1 dbrp list --db "$2" --hide-headers 2>/dev/null | grep -q autogen ||
        influx v1 dbrp create --bucket-id "$1" --db "$2" --rp autogen --default >/dev/null
}

token() {
    # $1: file, the rest: what it may do.
    file=$1
    shift
    [ ! -s "$file" ] || return 0
    influx auth create "$@" --json | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p' >"$file.new"
    [ -s "$file.new" ] || { echo "influx-setup: InfluxDB gave no token" >&2; exit 1; }
    chmod 0444 "$file.new"
    mv "$file.new" "$file"
}

raw=$(bucket balise 90d)
rollup=$(bucket balise_rollup 0)
database "$raw" balise
database "$rollup" balise_rollup
token /tokens/write/token --description balise-collector --write-bucket "$raw" --write-bucket "$rollup"
token /tokens/read/token --description balise-grafana --read-bucket "$raw" --read-bucket "$rollup"
echo "influx-setup: buckets $raw and $rollup are ready; the tokens are in their volumes"
