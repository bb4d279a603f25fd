#!/bin/sh
# What the rehearsal has in place of the database image's own start: as much of it as compose.yaml relies on.
set -eu
DATA=/var/lib/postgresql/18/docker
SOCKETS=/var/run/postgresql

if [ ! -s "$DATA/PG_VERSION" ]; then
    mkdir -p "$DATA"
    chmod 0700 "$DATA"
    initdb --pgdata="$DATA" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --encoding=UTF8 --locale=C \
        --auth-host=scram-sha-256 --auth-local=trust >/dev/null
    echo "host all all all scram-sha-256" >>"$DATA/pg_hba.conf"
    pg_ctl --pgdata="$DATA" --wait --silent -o "-c listen_addresses= -k $SOCKETS" start
    export PGHOST="$SOCKETS"
    createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
    for script in /docker-entrypoint-initdb.d/*.sh; do
        sh "$script"
    done
    pg_ctl --pgdata="$DATA" --wait --silent stop
    unset PGHOST
fi
exec "$@" -D "$DATA" -c "unix_socket_directories=$SOCKETS" -c listen_addresses=127.0.0.1
