# Every target installs what it needs first and does nothing twice. Nothing is written outside this folder but caches.

PYTHON ?= python3
PORT ?= 8000
ARGS ?=

PY := .venv/bin/python
UV := .venv/bin/uv
INSTALL := $(UV) pip install --quiet --python $(PY)

# Managing from here means the demo on this machine: its data, its key, loopback only.
DATA_DIR ?= $(CURDIR)/build/demo
PUBLIC_URL ?= http://127.0.0.1:$(PORT)
MANAGE := WASTETRACK_DEMO=1 DATA_DIR="$(DATA_DIR)" PUBLIC_URL="$(PUBLIC_URL)" $(PY) manage.py

APPS := $(wildcard wastetrack labels depots manifests scanner desk compliance)
PO := $(wildcard locale/*/LC_MESSAGES/django.po)
MO := $(PO:.po=.mo)
CODE := $(shell find $(APPS) -name '*.py' -o -path '*/templates/*.html')
STATIC := $(shell find $(APPS) -path '*/static/*' -type f)
HAS_NPM := $(shell command -v npm)
NPM := $(if $(HAS_NPM),npm,$(PY) tools/npm.py)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help setup setup-dev demo test check bench journeys messages lock clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: .venv/.run .venv/.project $(MO) build/.fonts build/.static ## installs what a site needs, into .venv, node_modules and build

setup-dev: setup .venv/.dev ## the same and what tests and checks need

demo: setup ## a running site with a seeded demo district on http://127.0.0.1:8000 (PORT=… for another port)
	@echo "Installed. Preparing the demo district."
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) seed_demo
	@exec env $(MANAGE) serve --port $(PORT)

test: setup-dev ## the tests (ARGS="-k label" for some of them)
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup-dev ## lint, types, import contracts, migrations, dependencies, diagrams, translations
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	DJANGO_SETTINGS_MODULE=tests.settings $(PY) manage.py makemigrations --check --dry-run
	.venv/bin/deptry .
	DJANGO_SETTINGS_MODULE=tests.settings $(PY) manage.py lifecycle_diagrams --check
	$(PY) tools/messages.py check

bench: setup-dev ## the benchmark table (ARGS="labels" for one, ARGS=--small for a quick look)
	@$(PY) -m benchmarks $(ARGS)

journeys: setup-dev ## walks the journeys of the tests and draws docs/journeys anew
	@$(PY) -m tools.journeys

messages: setup ## brings locale/ in line with the texts of code and templates
	$(PY) tools/messages.py update

lock: node_modules/.done ## compiles the lock files anew (ARGS=--upgrade for newer versions)
	$(COMPILE) pyproject.toml --output-file requirements/run.txt
	$(COMPILE) pyproject.toml --group dev --constraint requirements/run.txt --output-file requirements/dev.txt
	$(COMPILE) --group bootstrap --constraint requirements/dev.txt --output-file requirements/bootstrap.txt
	$(COMPILE) --group node --output-file requirements/node.txt
	$(NPM) install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund
	$(PY) tools/bare_lock.py package-lock.json

clean: ## removes all that was made here, the demo's data too
	rm -rf .venv node_modules build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache $(MO)

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header $(ARGS)

# --- what is installed, each with a stamp that is newer than what it was made from ---

.venv/.bootstrap: requirements/bootstrap.txt
	@command -v $(PYTHON) >/dev/null || { echo "WasteTrack needs Python: install Debian's packages python3 and python3-venv." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "WasteTrack needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make a virtual environment: install Debian's package python3-venv." >&2; exit 1; }
	@echo "Installing Python packages."
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r $<
	@touch $@

.venv/.run: requirements/run.txt .venv/.bootstrap
	@$(INSTALL) --require-hashes -r $<
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.run
	@echo "Installing what tests and checks need."
	@$(INSTALL) --require-hashes -r $<
	@touch $@

# The project itself, for its command wastetrack-verify. Its build backend is there already: nothing is fetched.
.venv/.project: pyproject.toml .venv/.run
	@$(INSTALL) --offline --no-deps --no-build-isolation --editable .
	@touch $@

node_modules/.done: package.json package-lock.json requirements/node.txt | .venv/.bootstrap
	@echo "Installing front-end packages."
	@$(if $(HAS_NPM),,$(INSTALL) --require-hashes -r requirements/node.txt)
	@$(NPM) ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
	@touch $@

# vendor.py leaves alone what did not change: only a new icon or package has the static files collected anew.
build/vendor/icons.svg: node_modules/.done tools/vendor.py $(CODE) | .venv/.run
	@$(PY) tools/vendor.py

build/.fonts: node_modules/.done tools/fonts.py | .venv/.run
	@$(PY) tools/fonts.py
	@touch $@

%.mo: %.po tools/messages.py | .venv/.run
	@$(PY) tools/messages.py compile $<

build/.static: build/vendor/icons.svg node_modules/.done $(STATIC) wastetrack/settings.py .venv/.run
	@$(MANAGE) collectstatic --noinput --clear --verbosity 0
	@touch $@
