# Everything a person or CI does with this checkout. `make help` lists it.
# Needs git, make and Python 3.11 or later; everything else is prepared below .cache/, which may be deleted at any time.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV := $(CURDIR)/.cache/venv
COLLECTIONS := $(CURDIR)/.cache/collections

export PATH := $(VENV)/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(COLLECTIONS)
export ANSIBLE_HOME := $(CURDIR)/.cache/ansible
export PYTHONDONTWRITEBYTECODE := 1
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/.cache/hypothesis

# Those after the slash run one after the other beside the one before it.
TEST_STEPS := lint types unit sanity posts gates/molecule+bundle+fidelity compat
LINTERS := lint-python lint-yaml lint-shell lint-tree lint-argument-specs lint-findings lint-changelog lint-ansible
# The others have targets of their own beside them: `make molecule SCENARIOS=--all` runs all.
SCENARIOS ?= --scenario-name provision --scenario-name frontend --scenario-name upgrade

.PHONY: $(LINTERS) fleet frontend-upgrades upgrade-kills upgrades engine-restart findings gates help demo clean test lint format types unit sanity molecule outage posts bundle fidelity bench compat images environment-demo environment-dev backup recover recover-matrix

help: ## This list
	@printf 'usage: make TARGET\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nVariables: PYTHON=python3.13 (which interpreter), SCENARIOS=--all (for molecule),\n'
	@printf '           LAB_IMAGES=upstream (the published images instead of the lab'"'"'s own)\n'

demo: environment-demo ## A whole Postiz + Temporal stack on this machine, with the proof that it publishes
	@tests/lab/lab demo

clean: ## Remove the lab: containers, volumes, networks (keeps images and .cache, and says so)
	@if [ -x $(VENV)/bin/python ]; then tests/lab/lab clean; else echo 'Nothing to remove: there is no .cache/venv here.'; fi

images: environment-demo ## Build the lab's images that are missing
	@tests/lab/lab images

test: environment-dev ## Everything that CI runs, cheapest first
	@python tests/tools/steps.py $(TEST_STEPS)

lint: environment-dev ## Style and consistency: ruff, yamllint, shellcheck, ansible-lint, changelog, argument specs, the tree
	@$(MAKE) --no-print-directory --keep-going $(LINTERS)

lint-python:
	ruff check --output-format concise
	ruff format --check --quiet

lint-yaml:
	yamllint --strict .

lint-shell:
	shellcheck $$(python tests/tools/shell_files.py)

lint-tree:
	python tests/tools/check_tree.py

lint-argument-specs:
	python tests/tools/check_argument_specs.py

lint-findings:
	PYTHONPATH=$(COLLECTIONS) python tests/tools/findings_table.py --check
	PYTHONPATH=$(COLLECTIONS) python tests/tools/failure_rules.py --check
	PYTHONPATH=$(COLLECTIONS) python tests/tools/recovery_ladder.py --check

lint-changelog:
	antsibull-changelog lint

lint-ansible:
	ansible-lint

findings: environment-dev ## Make docs/findings.md and the tables of docs/post_failures.md and docs/recover.md from the code
	PYTHONPATH=$(COLLECTIONS) python tests/tools/findings_table.py
	PYTHONPATH=$(COLLECTIONS) python tests/tools/failure_rules.py
	PYTHONPATH=$(COLLECTIONS) python tests/tools/recovery_ladder.py

format: environment-dev ## Let ruff put the Python files in shape
	ruff check --fix
	ruff format

types: environment-dev ## mypy --strict
	mypy -p ansible_collections.selfhost.postiz.plugins.module_utils -p labkit

unit: environment-dev ## Unit tests
	pytest -q tests/unit tests/tools

sanity: environment-dev ## ansible-test sanity, in .cache/sanity
	python tests/tools/sanity.py

molecule: environment-dev ## Molecule scenarios on the lab
	tests/lab/lab images
	rm -rf $(ANSIBLE_HOME)/tmp/molecule.*
	molecule test --no-command-borders $(SCENARIOS)

fidelity: environment-dev ## The facts that the collection relies on, checked on the lab
	pytest -q tests/lab/test_fidelity.py

gates: environment-dev ## The health gates under each fault, on the lab
	tests/lab/lab images
	pytest -q tests/lab/test_preflight.py tests/lab/test_compose_health.py tests/lab/test_pm2_health.py \
		tests/lab/test_stack_health.py tests/lab/test_faults.py tests/lab/test_lab_command.py \
		tests/lab/test_external_temporal.py tests/lab/test_stack_role.py

recover: environment-dev ## Recovery on the lab: least steps, no burst, killed and continued, quarantine
	tests/lab/lab images
	pytest -q tests/lab/test_recover.py

recover-matrix: environment-dev ## Every fault recovered, alone, in pairs, killed in each step, beside the runbook by hand
	tests/lab/lab images
	pytest -q -s tests/lab/test_recover_matrix.py

posts: environment-dev ## Stuck and failed posts: every class, every kill, an outage, on the lab
	tests/lab/lab images
	pytest -q tests/lab/test_post_failures.py tests/lab/test_stuck_posts.py tests/lab/test_outage.py

bundle: environment-dev ## The frontend: extracted, patched, built, proved, switched, killed, refused, served, on the lab
	tests/lab/lab images
	pytest -q tests/lab/test_frontend_bundle.py tests/lab/test_frontend_build.py

upgrade-kills: environment-dev ## Upgrades and rollbacks killed at every step of their journal, each finished by one more run
	pytest -q -s tests/lab/test_upgrade_kills.py tests/lab/test_upgrade_way_back.py

frontend-upgrades: environment-dev ## A patched frontend through upgrades of the image and the way back, on the lab
	tests/lab/lab images
	pytest -q tests/lab/test_frontend_upgrade.py

upgrades: environment-dev ## Upgrades, broken releases and the way back, with a registry
	pytest -q tests/lab/test_upgrade.py

fleet: environment-dev ## Two servers behind SSH and sudo: provisioned, upgraded one after the other, lost in the middle
	pytest -q tests/lab/test_fleet.py

backup: environment-dev ## Backup, restore and drill: killed at every step, nothing twice, on the lab
	tests/lab/lab images
	pytest -q tests/lab/test_backup.py tests/lab/test_backup_foreign.py

outage: environment-dev ## An outage and its repair, killed at random, again and again (OUTAGE_RUNS=20)
	tests/lab/lab images
	OUTAGE_RUNS=$${OUTAGE_RUNS:-20} OUTAGE_POSTS=$${OUTAGE_POSTS:-100} pytest -q -s tests/lab/test_outage.py

engine-restart: environment-dev ## Restart this machine's engine, and every container on it, to prove the boot guard
	pytest -q -s tests/lab/test_engine_restart.py

bench: environment-dev ## Timings of this machine
	pytest -q -s tests/bench

compat: environment-dev ## The oldest and the newest supported ansible-core against the lab
	tests/lab/lab images postiz-lab/ansible:trixie
	tests/lab/lab up
	python tests/tools/compat.py

environment-demo:
	@$(PYTHON) tests/tools/environment.py demo

environment-dev:
	@$(PYTHON) tests/tools/environment.py dev
