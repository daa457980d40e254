# `make` lists what it can do. Everything works from a fresh clone.

PYTHON ?= python3
VENV := .venv
IN_VENV := $(VENV)/bin/python

.DEFAULT_GOAL := help
.PHONY: help run install test coverage test-long test-browser check lock clean develop

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install ## install, then run everything on http://HOST:PORT (127.0.0.1:8000) until Ctrl-C
	@exec $(IN_VENV) manage.py up

install: ## make .venv with what requirements.txt locks
	@PYTHON="$(PYTHON)" .ci/install requirements.txt

develop:
	@PYTHON="$(PYTHON)" .ci/install requirements.txt requirements-dev.txt

test: develop ## run the tests (PYTEST_ARGS="-k name" for some)
	@exec $(IN_VENV) -m pytest -n auto $(PYTEST_ARGS)

coverage: develop ## run the tests and tell which lines they miss
	@exec $(IN_VENV) -m pytest -n auto --cov --cov-report=term $(PYTEST_ARGS)

test-long: develop ## run the tests that take long: crashes, load
	@exec $(IN_VENV) -m pytest -n auto -m long $(PYTEST_ARGS)

test-browser: develop ## run the tests that drive a browser
	@exec $(IN_VENV) -m pytest -m browser $(PYTEST_ARGS)

check: develop ## check format, lint, types, imports, migrations, settings
	@PYTHON="$(IN_VENV)" .ci/check

lock: develop ## write requirements.txt and requirements-dev.txt from their .in files
	@for name in requirements requirements-dev; do \
		echo "Locking $$name.in"; \
		$(IN_VENV) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
			--no-emit-index-url --output-file $$name.txt $$name.in || exit; done

clean: ## remove .venv and what tools left behind; the data in var/ stay
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov .coverage
	@find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +
