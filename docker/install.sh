#!/bin/sh
# The steps of the image, called by the Dockerfile and by the rehearsal:
#   install.sh system          an unprivileged user, its folders, and Python
#   install.sh packages cpu    icd-coder and what it needs, from /source, into /opt/icd-coder
# Wheels in /wheels, as `make airgap` collects them, are all that is used where there are any: no index is asked then.
set -eu

PREFIX=/opt/icd-coder
SOURCE=/source
WHEELS=/wheels
USER_ID=10001

say() {
    echo "install.sh: $1" >&2
}

has_python() {
    python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

install_system() {
    if ! has_python; then
        apt-get update
        apt-get install --yes --no-install-recommends python3
        rm -rf /var/lib/apt/lists/*
    fi
    has_python || { say "the base image has no Python 3.11 or later: choose another BASE"; exit 2; }
    # Copied with the modes of the checkout: one under a strict umask would hide them from the user.
    chmod 0755 "$(dirname "$0")" "$(dirname "$0")/install.sh" "$(dirname "$0")/start.sh"
    groupadd --gid "$USER_ID" icd
    useradd --uid "$USER_ID" --gid "$USER_ID" --no-create-home --home-dir /tmp --shell /usr/sbin/nologin icd
    for folder in /bundles /backups /data; do
        install -d -o "$USER_ID" -g "$USER_ID" -m 0750 "$folder"
    done
}

extras() {
    case "$1" in
        cpu) echo postgres,tracing,int8 ;;
        gpu) echo postgres,tracing ;;
        *) say "'$1' is no variant of the image: use cpu or gpu"; exit 2 ;;
    esac
}

# pip without a pip in the environment: its wheel can be run as it is, and the service never needs it.
find_pip() {
    wheel=$(find "$WHEELS" -name 'pip-*.whl' 2>/dev/null | head -n 1)
    if [ -n "$wheel" ]; then
        echo "$wheel/pip"
        return
    fi
    if ! python3 -m pip --version >/dev/null 2>&1; then
        apt-get update >&2
        apt-get install --yes --no-install-recommends python3-pip >&2
    fi
    python3 -c 'import pip; print(pip.__path__[0])'
}

install_packages() {
    wanted=$(extras "$1")
    pip=$(find_pip)
    python3 -m venv --without-pip "$PREFIX"
    set -- --constraint "$SOURCE/constraints.txt" --no-cache-dir --disable-pip-version-check --progress-bar off --quiet
    if [ -n "$(find "$WHEELS" -name 'torch-*.whl' 2>/dev/null)" ]; then
        set -- "$@" --no-index --find-links "$WHEELS"
        say "installing from $WHEELS alone"
    fi
    # torch first and alone, from its own index where one is named: a bare requirement takes the largest build, and
    # that index need not have the versions that we pin of what torch needs.
    torch=$(sed -n 's/^torch==/torch==/p' "$SOURCE/constraints.txt")
    # shellcheck disable=SC2086 # no index is no argument
    python3 "$pip" --python "$PREFIX/bin/python" install "$@" --no-deps ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$torch"
    python3 "$pip" --python "$PREFIX/bin/python" install "$@" "${SOURCE}[$wanted]"
    "$PREFIX/bin/icd-coder" --help >/dev/null
}

case "${1:-}" in
    system) install_system ;;
    packages) install_packages "${2:-}" ;;
    *) say "say 'system' or 'packages cpu|gpu'"; exit 2 ;;
esac
