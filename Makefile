# Every target first prepares what it needs, says what it does, and stops at the first failure.
# Another Python than the one found: make demo PYTHON=/path/to/python3.12

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

find_python = for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v "$$name" && break; \
	done || true
PYTHON ?= $(shell $(find_python))
MANAGE := .venv/bin/python manage.py
# How many processes test at the same time: more than two cores, because tests wait a lot; none besides for a part.
PROCESSES ?= $(if $(TESTS),0,3)
TEST_MANAGE := DJANGO_SETTINGS_MODULE=config.settings.test $(MANAGE)
ADDRESS ?= 127.0.0.1:8000

.PHONY: help
help: ## 할 수 있는 일 · List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## 없는 것을 설치 · Install what is missing: system packages, virtual environment, translations.
	@if [ -z "$(PYTHON)" ]; then \
		echo 'Python 3.11 or newer is needed. → Type as root: apt-get install python3 python3-venv' >&2; exit 2; \
	fi
	@$(PYTHON) -m config.machine

.PHONY: database
database: setup ## 개발용 데이터베이스를 켜고 마이그레이션 적용 · Start the development database and apply every migration.
	$(MANAGE) cluster start
	$(MANAGE) migrate

.PHONY: demo
demo: database ## 빈 기계에서 점검까지 마친 예제 자료로 · From a bare machine to a demo year that has been checked.
	$(MANAGE) showmigrations
	$(MANAGE) showmigrations --plan
	$(MANAGE) seed --demo
	$(MANAGE) health
	$(MANAGE) verify_integrity
	@echo
	@echo 'make run  →  http://$(ADDRESS)/admin/'

.PHONY: run
run: setup ## 개발 서버 · The development server, which applies pending migrations first.
	$(MANAGE) cluster start
	$(MANAGE) runserver $(ADDRESS)

# Whatever the result is, the cluster is stopped at the end.
.PHONY: test
test: setup ## 모든 시험 · The whole suite on a real PostgreSQL. One part of it: make test TESTS=tests/budget
	@mkdir -p .local/coverage
	@trap '$(TEST_MANAGE) cluster stop' EXIT; set -x; \
	.venv/bin/python -m pytest --numprocesses=$(PROCESSES) --dist=loadfile \
		$(if $(TESTS),$(TESTS),--cov --cov-report=term)

.PHONY: faults
faults: setup ## 고장 시험 · The long sweeps: damage, kill and fill up, hundreds of times. One of them: make faults TESTS=tests/faults/test_kills.py
	@trap '$(TEST_MANAGE) cluster stop' EXIT; set -x; \
	.venv/bin/python -m pytest -m faults --timeout=3600 --durations=10 $(or $(TESTS),tests/faults)

# makemigrations compares with the history of a database, so there has to be one.
.PHONY: check
check: setup ## 검사 · Format, lint, types, layers, missing and unsafe migrations.
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(TEST_MANAGE) lint_migrations --all
	@trap '$(TEST_MANAGE) cluster stop' EXIT; set -x; \
	$(TEST_MANAGE) cluster start; \
	$(TEST_MANAGE) makemigrations --check --dry-run

.PHONY: bench
bench: setup ## 속도 재기 · Time migrations and backups, on clusters of their own.
	.venv/bin/python -m tests.benchmarks.migrations
	.venv/bin/python -m tests.benchmarks.backups

.PHONY: bench-backups
bench-backups: setup ## 백업 속도 재기 · Time backups beside pg_dump and pg_restore. Nine million rows: SIZE=full
	.venv/bin/python -m tests.benchmarks.backups --size $(or $(SIZE),small)

# One part of it: make bench-migrations OPTIONS='--only add-index,unique --engine ours'
.PHONY: bench-migrations
bench-migrations: setup ## 마이그레이션 중의 기다림 재기 · Time who waits while the schema changes. Five million rows: SIZE=full
	.venv/bin/python -m tests.benchmarks.schema_changes --size $(or $(SIZE),small) $(OPTIONS)

.PHONY: shell
shell: database ## 모델을 불러온 Python · A Python prompt with every model.
	$(MANAGE) shell_plus

.PHONY: stop
stop: ## 데이터베이스 끄기 · Stop the private databases. Nothing is lost.
	@[ ! -x .venv/bin/python ] || { $(MANAGE) cluster stop; $(TEST_MANAGE) cluster stop; }

.PHONY: lock
lock: ## 잠금 파일 새로 만들기 · Renew the lock files from pyproject.toml (needs uv).
	uv pip compile --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes --custom-compile-command 'make lock' \
		--output-file .requirements/production.txt pyproject.toml
	uv pip compile --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes --custom-compile-command 'make lock' \
		--group development --output-file .requirements/development.txt pyproject.toml
