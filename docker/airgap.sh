#!/bin/sh
# airgap.sh cpu|gpu FOLDER: one archive with which a machine without a network installs icd-coder: the sources of the
# commit, every wheel, the pinned versions, the licences, a list of all parts (SBOM, CycloneDX), and checksums.
# BIN is the folder of a Python that has the extra `release`. Exit code 3: the package index does not give the wheels.
set -eu

root="$(cd "$(dirname "$0")/.." && pwd)"
bin="$(cd "${BIN:?airgap.sh: name the folder of the programs, as make airgap does}" && pwd)"
variant="${1:?airgap.sh: say cpu or gpu}"
out="${2:?airgap.sh: name a folder}"
name="icd-coder-airgap-$variant"
mkdir -p "$out"
folder="$(cd "$out" && pwd)/$name"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

rm -rf "$folder"
mkdir -p "$folder/icd-coder"
git -C "$root" archive --format=tar HEAD | tar -x -C "$folder/icd-coder"
PYTHON="$bin/python" "$folder/icd-coder/docker/wheels.sh" "$variant" "$folder/wheels" || exit 3

# An environment of these wheels alone: shows that they are enough, and is what the lists tell.
"$bin/python" -m venv "$work/env"
"$work/env/bin/python" -m pip install --disable-pip-version-check --quiet --progress-bar off \
    --no-index --find-links "$folder/wheels" --constraint "$root/constraints.txt" "icd-coder[postgres,tracing,int8]"
"$bin/cyclonedx-py" environment --pyproject "$root/pyproject.toml" --output-reproducible \
    --output-file "$folder/sbom.cdx.json" "$work/env/bin/python"
"$bin/pip-licenses" --python "$work/env/bin/python" --format csv --with-urls --output-file "$folder/licences.csv" >/dev/null
cp "$root/constraints.txt" "$folder/"

(cd "$folder" && find . -type f | LC_ALL=C sort | xargs sha256sum) >"$work/sums"
mv "$work/sums" "$folder/SHA256SUMS"
tar -c -C "$out" --owner=0 --group=0 -f "$out/$name.tar" "$name"
(cd "$out" && sha256sum "$name.tar" >"$name.tar.sha256")
echo "airgap.sh: $out/$name.tar ($(du -m "$out/$name.tar" | cut -f 1) MB, $(find "$folder/wheels" -name '*.whl' | wc -l) wheels)" >&2
