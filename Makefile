# Needs Python 3.11 and make; everything else is fetched. Targets run programs as `python -m`, and file names stay
# out of prerequisites: make cannot quote them, and the checkout may lie in a path with spaces.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY := .venv/bin/python
MANAGE := $(PY) manage.py
PORT ?= 8000
ARGS ?=
WHAT ?= ingest nightly
# As in production, so that the deployment checks have something to check.
DEPLOY_ENV := HTTPS=1 DEBUG=0 ALLOWED_HOSTS=clinic.example \
	SECRET_KEY=only-for-the-check-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ

.PHONY: run setup test check format messages lock bench clean

run: setup  ## Start everything; Ctrl-C stops it. make run PORT=8001 ARGS="--data DIR --no-demo"
	@exec $(MANAGE) up --port $(PORT) $(ARGS)

setup:  ## .venv, assets, message catalogues: what is not done yet
	@"$(PYTHON)" clinic_crm/local/setup.py

test: setup  ## All tests. make test ARGS="-k recall"
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup  ## Everything that can be said without running the portal
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"
	@$(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@$(MANAGE) messages --check
	@$(DEPLOY_ENV) $(MANAGE) check --deploy --fail-level WARNING

format: setup  ## Let ruff arrange the code
	@$(PY) -m ruff check --fix-only .
	@$(PY) -m ruff format .

messages: setup  ## Bring the message catalogues up to date with the code and compile them
	@$(MANAGE) messages --update

lock: setup  ## Newest versions that fit pyproject.toml and package.json
	@$(PY) -m clinic_crm.local.lock

bench: setup  ## Measure on large generated bases, beside servers of their own. make bench WHAT=nightly
	@set -e; for name in $(WHAT); do \
		$(PY) -m clinic_crm.local.with_servers .local/bench $(PY) benchmarks/$$name.py $(ARGS); done

clean:  ## Remove what setup made; data in .local/ stays
	rm -rf .venv node_modules .local/node .local/test* .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find locale -name "*.mo" -delete
