# Two commands matter: `make run` and `make test`. The others are their parts.
PORT ?= 8000
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test test-all test-r2 check schema bench lock frontend install install-dev

run: install frontend  ## Install, build, migrate, load the demo, and serve everything from one process.
	@exec $(BIN)/python manage.py serve --prepare --port $(PORT)

install: .venv/.base  ## The product's pinned dependencies.

.venv/.base: requirements/base.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the dependencies (once)…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
	@touch $@

install-dev: .venv/.dev  ## What the checks and tests need beside them.

.venv/.dev: requirements/dev.txt requirements/llm.txt .venv/.base
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/llm.txt
	@touch $@

.venv/.r2: requirements/r2.txt .venv/.dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/r2.txt
	@touch $@

frontend: ## The chat page's script and GraphiQL, where Node is there.
	@sh bin/build-frontend

schema: install  ## Write graphql/schema.graphql from the code.
	@$(BIN)/python manage.py export_schema

check: install-dev  ## Lint, format, types, import rules, migrations, schema.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	DJANGO_SETTINGS_MODULE=cms.settings.test $(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py export_schema --check

test: install-dev frontend  ## Everything, on SQLite and again on PostgreSQL and Redis.
	@sh bin/test

test-all: test bench  ## And the long suites.

test-r2: .venv/.r2 frontend  ## The bucket's tests against Cloudflare's own local R2; needs npm's registry.
	@sh bin/test-r2

bench: install-dev  ## Measure the served project, search, and memory under a large file; writes docs/bench*.md.
	$(BIN)/python -m bench
	$(BIN)/python -m bench.search
	$(BIN)/python -m bench.memory

lock:  ## Resolve requirements/*.in anew, with hashes and without addresses.
	$(BIN)/python -m pip install --quiet uv
	for name in base dev; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements/$$name.in -o requirements/$$name.txt; done
	for name in llm r2; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-deps requirements/$$name.in -o requirements/$$name.txt; done
