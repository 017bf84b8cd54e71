# make quickstart   set up, then run the default study to its figures and report
# make test         set up, then lint, unit tests, those of a GPU and workflow tests
# make gpu-tests    what only a GPU shows, in about two minutes; skipped where there is none
# make figures STUDY=results/studies/x   redraw a study's figures from its tables, in seconds
# make setup        only the environment, in .venv
# make format       rewrite code and rules in their canonical form

SHELL := /bin/bash
PYTHON ?= python3
UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
IN_ENV := PATH="$(CURDIR)/.venv/bin:$$PATH"

.PHONY: quickstart figures test lint unit gpu-tests workflow-tests setup format

quickstart: setup
	$(IN_ENV) snakemake
	@echo "The report: results/studies/quickstart/report.html (open it in a browser)"

figures: setup
	$(if $(STUDY),,$(error figures: say which study: make figures STUDY=results/studies/quickstart))
	$(IN_ENV) textback figures --study $(STUDY)

test: lint unit gpu-tests workflow-tests

lint: setup
	$(IN_ENV) ruff check src tests
	$(IN_ENV) ruff format --check src tests
	$(IN_ENV) snakefmt --check Snakefile workflow/rules
	$(IN_ENV) python tests/lint_workflow.py

unit: setup
	$(IN_ENV) OPENBLAS_NUM_THREADS=1 pytest -q tests/unit

gpu-tests: setup
	$(IN_ENV) pytest -q tests/gpu

workflow-tests: setup
	$(IN_ENV) pytest -q tests/workflow

format: setup
	$(IN_ENV) ruff check --fix src tests
	$(IN_ENV) ruff format src tests
	$(IN_ENV) snakefmt Snakefile workflow/rules

setup: .venv/ready

# An environment knows its folder by its path: one that was copied along belongs to the other clone.
SET_UP_IN := $(shell cat .venv/ready 2>/dev/null)
ifneq ($(SET_UP_IN),$(CURDIR))
.PHONY: .venv/ready
endif

.venv/ready: uv.lock pyproject.toml | $(UV)
	$(if $(subst $(CURDIR),,$(SET_UP_IN)),rm -rf .venv)
	$(UV) sync --locked --compile-bytecode
	@printf '%s' '$(CURDIR)' > $@

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet uv
