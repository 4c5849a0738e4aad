# Every target sets up what it needs by itself: a virtual environment in .venv and the pinned packages of
# requirements/*.txt, with uv where it is installed and with Python's own venv and pip elsewhere.
.POSIX:
.SUFFIXES:
.DEFAULT_GOAL := help
.PHONY: help demo test fmt bench soak pins clean

VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
# The newest Python that is installed, 3.11 or later. `make PYTHON=/path/to/python` chooses another.
PYTHON ?= $(shell for one in python3.13 python3.12 python3.11 python3 python; do \
	"$$one" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$one"; break; }; done)
TEST_PROCESSES ?= 2
# `make soak MINUTES=60`; `SEED=…` begins with that seed, and ROUNDS=1 plays no other.
MINUTES ?= 10
SEED ?=
ROUNDS ?=

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.ready-run ## everything embedded: open the address it prints and play both sides
	@$(BIN)/threadline demo

test: $(VENV)/.ready-dev ## formatter check, linter, strict types, all tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -n $(TEST_PROCESSES) --dist loadfile

fmt: $(VENV)/.ready-dev ## format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.ready-run ## measure cost, latency, limits, memory and the archive; a few minutes
	@$(BIN)/threadline bench

soak: $(VENV)/.ready-dev ## crash campaign with random seeds: MINUTES=10, SEED=, ROUNDS=
	@$(BIN)/python -m tests.campaign --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS))

pins: ## bring requirements/*.txt up to date with pyproject.toml (needs uv)
	UV_NO_CONFIG=1 uv pip compile pyproject.toml --extra checkout --extra embedded --extra fast \
		--universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade -q -o requirements/run.txt
	UV_NO_CONFIG=1 uv pip compile pyproject.toml --extra dev -c requirements/run.txt \
		--universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade -q -o requirements/dev.txt

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

$(VENV)/.ready-run: requirements/run.txt pyproject.toml
$(VENV)/.ready-dev: requirements/dev.txt pyproject.toml

$(VENV)/.ready-run $(VENV)/.ready-dev:
	@test -n "$(UV)$(PYTHON)" || { echo "Threadline needs Python 3.11 or later, and none was found."; exit 1; }
	@echo "Setting up $(VENV) from $< (once; a minute or so) ..."
ifneq ($(UV),)
	@test -x $(BIN)/python || uv venv -q --python "$(if $(PYTHON),$(PYTHON),>=3.11)" $(VENV)
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" uv pip install -q --require-hashes -r $<
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" uv pip install -q --no-deps --no-build-isolation -e .
else
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { \
		echo "Python's venv module does not work here. On Debian and Ubuntu it is the package python3-venv;"; \
		echo "or install uv, which is used instead when it is there."; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
endif
	@touch $@
