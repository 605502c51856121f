# `make up` and `make test` are the two commands; both install what they need. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
VENV ?= .venv
PY := $(VENV)/bin/python
STATE ?=
UP_FLAGS ?=

.PHONY: help up test check format bench unit library cluster real clean

help:
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/'

up: $(VENV)/.installed ## install what is needed and run a cluster in the foreground
	@scripts/install_node_parts.sh
	@exec $(VENV)/bin/pyber up $(UP_FLAGS)

test: $(VENV)/.installed-dev ## everything that CI runs
	@scripts/install_node_parts.sh --tests
	@scripts/run_tests.sh

check: $(VENV)/.installed-dev ## format, lint, types, layers and unit tests
	@$(VENV)/bin/ruff format --check src tests scripts benchmarks
	@$(VENV)/bin/ruff check src tests scripts benchmarks
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@$(VENV)/bin/pytest -n auto tests/unit

unit: $(VENV)/.installed-dev ## unit tests only
	@$(VENV)/bin/pytest -n auto tests/unit

library: $(VENV)/.installed-dev ## whole clusters inside the test process, the documents' snippets, upstream's conformance list
	@$(VENV)/bin/pytest -n 2 --dist loadfile tests/apiserver tests/library tests/manager tests/docs tests/conformance

cluster: $(VENV)/.installed-dev ## a whole cluster as a process, driven by real clients
	@$(VENV)/bin/pytest -n 2 --dist loadfile tests/cluster tests/clients

real: $(VENV)/.installed-dev ## on real containerd, nft, etcd (root)
	@scripts/install_node_parts.sh --tests
	@$(VENV)/bin/pytest tests/real

format: $(VENV)/.installed-dev ## format and mend what a tool can mend
	@$(VENV)/bin/ruff format src tests scripts benchmarks
	@$(VENV)/bin/ruff check --fix src tests scripts benchmarks

bench: $(VENV)/.installed-dev ## print the figures
	@scripts/install_node_parts.sh --tests
	@for program in benchmarks/*.py; do echo "== $$program"; $(PY) $$program; done

clean: ## remove what the build made (not the state of a cluster)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .cache build dist

$(VENV)/bin/python:
	@scripts/make_venv.sh $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@$(VENV)/bin/pip install -q --disable-pip-version-check -e '.[node,etcd,explain]'
	@$(PY) -m compileall -q src
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	@$(VENV)/bin/pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed
