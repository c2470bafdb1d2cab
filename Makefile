# Two commands matter: `make run` and `make test`. The others are their parts.
PORT ?= 8000
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test test-all test-chaos test-r2 test-api check schema bench lock frontend install install-dev

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

.venv/.ariadne: requirements/ariadne.txt
	@$(PYTHON) -m venv .venv/ariadne
	@.venv/ariadne/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/ariadne.txt
	@touch $@

.venv/.schemathesis: requirements/schemathesis.txt
	@$(PYTHON) -m venv .venv/schemathesis
	@.venv/schemathesis/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/schemathesis.txt
	@touch $@

frontend: ## The chat page's script and GraphiQL, where Node is there.
	@sh bin/build-frontend

schema: install  ## Write graphql/schema.graphql, trusted-documents.json and operations.ts from the code and the operations.
	@$(BIN)/python manage.py export_schema
	@sh bin/schema-tools write

check: install-dev  ## Lint, format, types, import rules, migrations, schema.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	DJANGO_SETTINGS_MODULE=cms.settings.test $(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py export_schema --check
	@sh bin/schema-tools check

test: install-dev frontend  ## Everything, on SQLite and again on PostgreSQL and Redis.
	@sh bin/test

test-all: install-dev frontend  ## All of it on both databases, and the long suites.
	@sh bin/test all
	@$(MAKE) --no-print-directory test-chaos bench

test-chaos: install-dev  ## SIGKILL of web, worker and Redis at random during 200 turns with 20 subscribers.
	CHAOS_TURNS=200 CHAOS_SESSIONS=10 $(BIN)/python -m pytest -q -s tests/chaos

test-r2: .venv/.r2 frontend  ## The bucket's tests against Cloudflare's own local R2; needs npm's registry.
	@sh bin/test-r2

test-api: install-dev .venv/.ariadne .venv/.schemathesis  ## What outside suites say of the served API; writes docs/api-conformance.md.
	@sh bin/test-api

bench: install-dev  ## Measure the served project, search, memory under a large file, and long conversations; writes docs/bench*.md.
	$(BIN)/python -m bench
	$(BIN)/python -m bench.search
	$(BIN)/python -m bench.memory
	$(BIN)/python -m bench.history
	$(BIN)/python -m bench.latency

lock:  ## Resolve requirements/*.in anew, with hashes and without addresses.
	$(BIN)/python -m pip install --quiet uv
	for name in base dev ariadne schemathesis; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements/$$name.in -o requirements/$$name.txt; done
	for name in llm r2; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-deps requirements/$$name.in -o requirements/$$name.txt; done
