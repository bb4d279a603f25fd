# One virtual environment in .venv, made on first use. Nothing but Python 3.11 or later, pip and make is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# For a GPU, or another build of torch, see docs/how-to/install.md.
TORCH ?= torch==2.13.0
# A folder of wheels, such as the one in the archive of `make airgap`: pip then uses no package index.
WHEELS ?=
# Options of the demo, such as --admissions 200.
DEMO ?=
# Kind of machine that the archive of `make airgap` is for: cpu or gpu.
VARIANT ?= cpu
# --report: list known vulnerabilities of packages without failing.
AUDIT ?=
SUITE := -m "not acceptance" -n auto --maxprocesses 4 --dist loadfile
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt $(if $(WHEELS),--no-index --find-links $(abspath $(WHEELS)))

.DEFAULT_GOAL := help
.PHONY: help demo test suite test-offline check acceptance docs airgap airgap-smoke rehearse hygiene clean

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

demo: $(VENV)/runtime ## train on synthetic admissions, serve, and code a note with its neighbours, under 8 minutes
	$(BIN)/icd-coder demo $(DEMO)

test: $(VENV)/dev ## lint, types, import contracts and the whole suite, under 10 minutes on two cores
	@$(MAKE) --no-print-directory -j 2 check suite

suite: $(VENV)/dev ## the tests without the long runs
	$(BIN)/pytest $(SUITE)

test-offline: $(VENV)/dev ## the tests in a network namespace with loopback only; skipped without namespaces
	$(BIN)/python tests/offline.py $(BIN)/pytest $(SUITE)

check: $(VENV)/dev ## lint, types and import contracts only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

acceptance: $(VENV)/dev ## the long runs; write their dated result in docs/LOG.md
	$(BIN)/python tests/benchmarks/acceptance.py

docs: $(VENV)/docs ## build the documentation into site/, offline; a broken link is an error
	OMP_NUM_THREADS=1 NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	$(BIN)/python docs/check_offline.py site

airgap: $(VENV)/release ## an archive that installs on a machine without a network; VARIANT=cpu or gpu
	BIN=$(BIN) docker/airgap.sh $(VARIANT) dist

airgap-smoke: $(VENV)/dev ## install that archive without a network and run a small demo
	$(BIN)/python -m tests.docker.airgap_smoke dist/icd-coder-airgap-cpu.tar

rehearse: $(VENV)/dev ## build the image and run docs/how-to/docker.md without an engine; Linux, root, debootstrap
	$(BIN)/python -m tests.docker.rehearse

hygiene: $(VENV)/dev $(VENV)/release ## SBOM, licences, known vulnerabilities, and a check of the tracked files
	@mkdir -p dist
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file dist/sbom.cdx.json $(BIN)/python
	$(BIN)/pip-licenses --python $(BIN)/python --format csv --with-urls --output-file dist/licences.csv
	$(BIN)/pytest tests/hygiene -q
	$(BIN)/python tests/hygiene/dependency_audit.py $(AUDIT)

clean: ## remove the virtual environment, the archives and the files of the demo
	rm -rf $(VENV) demo-out dist site

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "icd-coder needs Python 3.11 or later; name one: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# torch first: a bare requirement would let pip choose the newest build, with several gigabytes of CUDA.
$(VENV)/runtime: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --progress-bar off -q "$(TORCH)"
	$(PIP) --progress-bar off -q -e .
	@touch $@

$(VENV)/dev: $(VENV)/runtime
	$(PIP) --progress-bar off -q -e '.[dev]'
	@touch $@

$(VENV)/docs: $(VENV)/runtime
	$(PIP) --progress-bar off -q -e '.[docs]'
	@touch $@

$(VENV)/release: $(VENV)/runtime
	$(PIP) --progress-bar off -q -e '.[release]'
	@touch $@
