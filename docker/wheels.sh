#!/bin/sh
# wheels.sh cpu|gpu FOLDER: every wheel that an installation, an image or the demo needs, collected once and then enough.
# PYTHON is the interpreter whose pip collects them; TORCH_INDEX another index for torch alone.
set -eu

root="$(cd "$(dirname "$0")/.." && pwd)"
python="${PYTHON:-python3}"
case "${1:-}" in
    cpu) extras=postgres,tracing,openvino ;;
    gpu) extras=postgres,tracing ;;
    *) echo "wheels.sh: say 'cpu FOLDER' or 'gpu FOLDER'" >&2; exit 2 ;;
esac
folder="${2:?wheels.sh: name a folder}"
torch=$(sed -n 's/^torch==/torch==/p' "$root/constraints.txt")

collect() {
    "$python" -m pip wheel --disable-pip-version-check --progress-bar off --quiet \
        --constraint "$root/constraints.txt" --wheel-dir "$folder" "$@"
}

mkdir -p "$folder"
# Alone: its index need not have the versions that we pin of what torch needs.
# shellcheck disable=SC2086 # no index is no argument
collect --no-deps ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$torch"
# hatchling and editables build the package again on the other side; pip installs into an environment without one.
collect --find-links "$folder" "${root}[$extras]" hatchling editables pip setuptools
echo "wheels.sh: $(find "$folder" -name '*.whl' | wc -l) wheels in $folder" >&2
