# Everything a newcomer or CI needs. `make` alone prints the targets.
.DEFAULT_GOAL := help
.SHELLFLAGS := -eu -c
.PHONY: help run demo drill down reset status logs test coverage lint fmt bench lock shell manage

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { command -v $$p; break; }; done)
BIN := .venv/bin
RUN := .venv/.run-installed
DEV := .venv/.dev-installed
# Tests wait as much as they compute; each worker has a database and one of 16 Redis numbers.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2); \
	[ "$$n" -lt 2 ] && n=2; [ "$$n" -gt 8 ] && n=8; echo $$n)

help: ## Print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: $(RUN) ## Start the portal and print its address, user and password (PORT=8000)
	@exec $(BIN)/python -m portal.run up

demo: $(DEV) ## Start the example shop beside the running portal and drive traffic until Ctrl-C
	@exec $(BIN)/python -m examples.shop.demo

drill: $(DEV) ## While make demo runs: break its shop, from the page to the post-mortem
	@exec $(BIN)/python -m examples.shop.drill

down: $(RUN) ## Stop the portal from another terminal
	@$(BIN)/python -m portal.run down

reset: $(RUN) ## Stop the portal and remove every trace of it (its data too)
	@$(BIN)/python -m portal.run reset

status: $(RUN) ## Say which processes run
	@$(BIN)/python -m portal.run status

logs: $(RUN) ## Follow every log
	@exec $(BIN)/python -m portal.run logs

test: $(DEV) ## Install what tests need and run all of them (ARGS="-k name")
	@deploy/test-packages
	@exec $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: $(DEV) ## Say which lines of an app its own tests never run (APP=alerts, ARGS as above)
	@deploy/test-packages
	@exec $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
		--cov=apps.$(or $(APP),$(error say of which: make coverage APP=alerts)) --cov-report=term \
		tests/$(APP) $(ARGS)

lint: $(DEV) ## Style, types, layers, migrations, deployment checks
	@exec deploy/lint $(BIN)

fmt: $(DEV) ## Format and repair what can be repaired
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(DEV) ## Run one benchmark (NAME=store)
	@exec $(BIN)/python -m benchmarks.$(or $(NAME),$(error say which: make bench NAME=store))

lock: ## Pin the newest versions that pyproject.toml allows
	@exec deploy/lock

shell: $(RUN) ## A Python shell with Django loaded
	@exec $(BIN)/python manage.py shell

manage: $(RUN) ## Any management command (CMD="apikey mine --scope read")
	@exec $(BIN)/python manage.py $(CMD)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Pharos needs Python 3.11 or newer; none was found on PATH." >&2; exit 1; }
	@echo "Making .venv with $(PYTHON) …"
	@"$(PYTHON)" -m venv .venv || { rm -rf .venv; \
		echo "Python cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }

$(RUN): requirements.lock | $(BIN)/python
	@echo "Installing dependencies …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@touch $@

$(DEV): requirements-dev.lock | $(BIN)/python
	@echo "Installing dependencies and test tools …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@ $(RUN)
