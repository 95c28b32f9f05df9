# Ruta Segura. `make run` and `make test` are complete on a machine with git, make and Python 3.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
export PYTHONPATH :=
export PYTHONDONTWRITEBYTECODE :=
RUTA := .venv/bin/ruta
PYTHON := .venv/bin/python
RASA_QUIET := PYTHONWARNINGS=ignore TF_CPP_MIN_LOG_LEVEL=3 RASA_TELEMETRY_ENABLED=false

.DEFAULT_GOAL := help
.PHONY: help install install-dev run train test check format lint types imports content dialogue unit locales drill benchmark benchmark-nlu lock clean

help:  ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: .venv/installed  ## Install what the programs need.
install-dev: .venv/installed-dev  ## Install what tests and checks need too.

.venv/installed: requirements.lock pyproject.toml
	@.ci/install requirements.lock && touch $@
.venv/installed-dev: requirements-dev.lock pyproject.toml
	@.ci/install requirements-dev.lock && touch .venv/installed $@

run: .venv/installed  ## Install, train if needed, migrate, start everything, print the address to open.
	@if [ -f .env ]; then $(RUTA) run; else RUTA_MODE=$${RUTA_MODE:-development} $(RUTA) run; fi

train: .venv/installed  ## Train the model.
	@$(RUTA) train

test: check unit dialogue  ## The whole gate: checks, training, all tests.

check: lint types imports content  ## Format, lint, types, import rules, content, catalogues, domain.

lint: .venv/installed-dev
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check .
types: .venv/installed-dev
	@$(PYTHON) -m mypy bot channels
imports: .venv/installed-dev
	@.venv/bin/lint-imports
content: .venv/installed-dev
	@$(RUTA) check
format: .venv/installed-dev  ## Format the code.
	@$(PYTHON) -m ruff check --fix -q . ; $(PYTHON) -m ruff format -q .

dialogue: .venv/installed-dev  ## Validate the domain with the engine's own tool.
	@$(RASA_QUIET) .venv/bin/rasa data validate --fail-on-warnings > var/validate.log 2>&1 || (cat var/validate.log; exit 1)
	@echo "rasa data validate: clean"
unit: .venv/installed-dev  ## Train if needed, then run all tests.
	@mkdir -p var && $(RUTA) train --if-needed
	@$(PYTHON) -m pytest -n 3 --dist loadfile

drill: .venv/installed-dev  ## Break everything (kills, full disk, failing providers) and prove that nothing is lost.
	@$(RUTA) train --if-needed && $(PYTHON) -m tests.drill

benchmark: .venv/installed-dev  ## Measure acknowledge, reply, throughput, memory; ours beside stock Rasa; one worker and two (12 minutes).
	@$(RUTA) train --if-needed && $(PYTHON) -m benchmarks.spine && $(PYTHON) -m benchmarks.engines && $(PYTHON) -m benchmarks.workers

benchmark-nlu: .venv/installed-dev  ## Measure understanding on tests/nlu, the learning curve and the worst confusions.
	@$(RUTA) train --if-needed && $(PYTHON) -m benchmarks.understanding

locales: .venv/installed-dev  ## Extract the keys of all sentences into locales/messages.pot.
	@.venv/bin/pybabel -q extract -F babel.cfg -k text:2 -k sentence:1 -k say:1 -k N_ --no-location --sort-output --project="Ruta Segura" -o locales/messages.pot .

lock:  ## Resolve the pins anew.
	@.ci/install --uv-only
	@.tools/run-uv pip compile pyproject.toml --extra dev --generate-hashes --no-emit-index-url --python-version 3.10 -q -o requirements-dev.lock
	@.tools/run-uv pip compile pyproject.toml --generate-hashes --no-emit-index-url --python-version 3.10 -q -c requirements-dev.lock -o requirements.lock

clean:  ## Remove what was installed and trained; keeps var/ (the database).
	@rm -rf .venv .tools models .rasa
