# Everything a developer runs. `make` alone lists the targets.
#
#   PYTHON  the interpreter that environments are made from: 3.11 or later
#   VENV    the environment of this clone
#   ARGS    what else to tell pytest, a benchmark or the demo: make pytest ARGS='-k order -x'

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN = $(VENV)/bin
PIP = "$(BIN)/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint types pytest docs torture bench bench-memory bench-regret test-all clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1	\2/p' Makefile | expand -t 16

demo: $(VENV)/.ready ## show what iobound does
	"$(BIN)/python" -m iobound demo $(ARGS)

test: lint types pytest ## all that CI checks

lint: $(VENV)/.ready ## style and format
	"$(BIN)/python" -m ruff check .
	"$(BIN)/python" -m ruff format --check .

types: $(VENV)/.ready ## strict types, in the package and as its users see them
	"$(BIN)/python" -m mypy --strict src tests/typing
	"$(BIN)/python" -m basedpyright --pythonpath "$(BIN)/python"

pytest: $(VENV)/.ready ## the tests alone
	"$(BIN)/python" -m pytest $(ARGS)

docs: $(VENV)/.ready ## the site, into site/
	"$(BIN)/python" -m iobound.cli.reference docs/command-line.md
	"$(BIN)/python" benchmarks/page.py
	NO_MKDOCS_2_WARNING=1 "$(BIN)/python" -m mkdocs build --strict --quiet

torture: $(VENV)/.ready ## the tests, with the long ones and fifty times the examples
	IOBOUND_TORTURE=1 "$(BIN)/python" -m pytest --timeout=3600 $(ARGS)

bench: $(VENV)/.ready .bench/.ready ## what iobound costs in time, beside hand-written loops and its peers
	"$(BIN)/python" benchmarks/overhead.py $(ARGS)

bench-memory: $(VENV)/.ready ## what it costs in memory
	"$(BIN)/python" benchmarks/memory.py $(ARGS)

bench-regret: $(VENV)/.ready .bench/.ready ## how far the defaults are from the best of a search: 100 minutes
	"$(BIN)/python" benchmarks/regret.py $(or $(ARGS),--full)

test-all: ## the tests on every supported Python of this machine, each in its own environment
	@versions=$$(sh .ci/pythons); failed=; \
	test -n "$$versions" || { echo "no Python 3.11 or later found" >&2; exit 1; }; \
	for version in $$versions; do \
	    echo "== Python $$version"; \
	    $(MAKE) --no-print-directory pytest VENV=".venv-$$version" PYTHON="$$(sh .ci/pythons "$$version")" \
	        || failed="$$failed $$version"; \
	done; \
	echo "== ran on:" $$versions; \
	test -z "$$failed" || { echo "== failed on:$$failed" >&2; exit 1; }

clean: ## remove environments, caches and builds
	@for venv in "$(VENV)" .venv .venv-3.*; do \
	    if test -f "$$venv/pyvenv.cfg"; then rm -rf "$$venv"; fi; \
	done
	rm -rf build dist site .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The environment. It is made once, and again when what it is made from changes; until then nothing is asked of
# the network. iobound itself is installed in place, by the pinned build tools; setuptools and wheel are for the one
# dependency of the tests that comes as source alone.
$(VENV)/.ready: pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    || { echo "iobound needs Python 3.11 or later, and '$(PYTHON)' is not: try make PYTHON=python3.12" >&2; exit 1; }
	"$(PYTHON)" -m venv "$(VENV)"
	$(PIP) hatchling editables setuptools wheel
	$(PIP) --no-build-isolation --editable '.[dev]'
	@touch $@

.bench/.ready: benchmarks/peers.sh constraints.txt
	PYTHON="$(PYTHON)" PYTHON312="$$(sh .ci/pythons 3.12 || echo none)" sh benchmarks/peers.sh
	@touch $@
