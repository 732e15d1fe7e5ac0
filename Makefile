# Each target is one line over tox or the command `counterpoint`. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup compare test matrix up lint docs constraints clean
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
comma := ,
events = synthetic:rows=$(1)$(comma)users=$(2)$(comma)items=$(3)
SOURCES = constraints/*.in constraints/*.txt core/*/pyproject.toml adapters/*/pyproject.toml benchmarks/pyproject.toml migration/pyproject.toml
TOX = .venv/bin/tox run -q

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*##  */\1|/p' Makefile | awk -F'|' '{printf "make %-12s %s\n", $$1, $$2}'

setup: .venv/.complete  ## makes the environments: .venv, and .venv-airflow, .venv-dagster, .venv-prefect beside it

compare: setup  ## StreamRec on Airflow, Dagster and Prefect, each really running; writes report/; QUICK=1 takes a fifth of the events, measures half of it, once, without the tour
	.venv/bin/counterpoint compare streamrec --out report $(if $(QUICK),--rounds 1 --workloads empty$(comma)long --source $(call events,20000,2000,500),--source $(call events,100000,10000,2500) --tour --tests .)

test: setup  ## the tests: style, types, documentation, core without any orchestrator, then each orchestrator
	.venv/bin/tox run-parallel -q --notest -e lint,types,docs,wheels,core && $(TOX)

matrix: setup  ## every test, also the longest; on every supported Python, and on the oldest supported release of each orchestrator
	COUNTERPOINT_TESTS=all $(TOX) -m matrix

up: setup  ## ORCHESTRATOR=airflow|dagster|prefect: its real services and pages, until Ctrl-C
	.venv/bin/counterpoint up $(or $(ORCHESTRATOR),$(error say which: make up ORCHESTRATOR=dagster))

lint: .venv/.bootstrap  ## style and types alone
	$(TOX) -e lint,types

docs: .venv/.bootstrap  ## builds the documentation into site/
	.venv/bin/tox exec -q -e docs -- mkdocs build --strict

constraints: .venv/.bootstrap  ## renews the committed constraint files
	$(TOX) -e constraints

clean:  ## removes the environments, and nothing else
	rm -rf .venv .venv-airflow .venv-dagster .venv-prefect .tox

# --recreate: tox does not see that a pyproject.toml behind an editable requirement has changed
.venv/.complete: .venv/.bootstrap
	.venv/bin/tox run-parallel -q --notest --recreate -e airflow,dagster,prefect
	@printf '%s\n' .venv .venv-airflow .venv-dagster .venv-prefect | xargs -P 2 -I{} env {}/bin/python tools/bytecode.py
	@touch $@

.venv/.bootstrap: $(wildcard $(SOURCES))
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": make setup PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --constraint constraints/core.txt uv
	.venv/bin/python toxfile.py .venv/bin/uv pip install --quiet --python .venv/bin/python \
		-r constraints/core.in -r constraints/torch.in -r constraints/dev.in -c constraints/core.txt -c constraints/no-cuda.txt
	@touch $@
