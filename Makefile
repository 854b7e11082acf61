# Every target does its own set-up: a Python >= 3.11 and a package index are all it needs.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt
JOBS ?= 2
# waiting threads soon sleep: where cores are shared, spinning ones make small tensors a hundred times slower
export OMP_WAIT_POLICY ?= PASSIVE
export GOMP_SPINCOUNT ?= 2000

.PHONY: env demo test check bench faults clean

demo: .venv/core
	$(BIN)/smalti demo --out demo-out

test: .venv/dev
	$(BIN)/python -m pytest -n $(JOBS) -m "not faults and not network and not gpu"

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

bench: .venv/dev
	set -e; for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script; done

faults: .venv/dev
	$(BIN)/python -m pytest -m "faults or row or planted" -n $(JOBS) --dist worksteal --write-table

env: .venv/dev

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "found $$($(PYTHON) -V), wanted Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv .venv

# torch comes first and alone, so that nothing else can choose its build
.venv/core: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) torch==$$(sed -n 's/^torch==//p' constraints.txt)
	$(PIP) -e '.[report,search]'
	@touch $@

.venv/dev: .venv/core
	$(PIP) -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv demo-out .pytest_cache .ruff_cache .hypothesis
