#!/bin/sh
# Draws the passwords and the secret that compose.yaml names, each in a file of docker/secrets; keeps what is there.
# The folder is yours alone. The files in it are readable, because a container's user is another one than you.
set -eu

here="$(cd "$(dirname "$0")" && pwd)"
folder="$here/secrets"
mkdir -p "$folder"
chmod 0700 "$folder"
for name in database_admin_password database_owner_password database_service_password key_secret; do
    file="$folder/$name"
    if [ ! -s "$file" ]; then
        od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$file.new"
        chmod 0444 "$file.new"
        mv "$file.new" "$file"
        echo "secrets.sh: made $file" >&2
    fi
done
# Mounted as they are: a clone under a strict umask would hide them from that user.
chmod 0755 "$here/database.sh"
chmod 0644 "$here/prometheus.yml"
