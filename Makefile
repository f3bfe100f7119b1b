# `make` alone lists the commands. Every command sets up what it needs (scripts/setup).
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test test-fast e2e chaos chaos-baselines check format bench docs localstack lock clean

PYTHON := .venv/bin/python
ARGS ?=
# Files of tests side by side: real tools wait more than they work. SPREAD= runs them one after the other.
SPREAD ?= -n 3 --dist loadfile

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make this checkout ready: system packages, .venv from the lock, Terraform
	@scripts/setup

demo: setup ## the shop from nothing to verified and down again: web servers, database, load balancer, firewall
	@scripts/demo

test: setup ## the tests, the quick ones first, without the long ones (ARGS="-k name" hands options to pytest)
	@$(PYTHON) -m pytest $(SPREAD) -m "not long" $(ARGS)

test-fast: setup ## the tests that need neither Terraform's provider nor hosts
	@$(PYTHON) -m pytest $(SPREAD) -m "not e2e and not long" $(ARGS)

e2e: setup ## every test that runs real Terraform, hosts, SSH and Ansible, the long ones too
	@$(PYTHON) -m pytest $(SPREAD) -m "e2e or long" $(ARGS)

chaos: setup ## kill real runs everywhere, run them again, compare (MINUTES=15 SEED=n KILLS="up=..." BASELINES=4)
	@$(PYTHON) -m tests.chaos.real --minutes $(or $(MINUTES),15) --seed $(or $(SEED),0) --kills "$(KILLS)" --baselines $(or $(BASELINES),4)

chaos-baselines: setup ## the same kills for a plain script and for Terraform with provisioners alone (BASELINES=4 minutes)
	@$(PYTHON) -m tests.chaos.real --minutes 0 --seed $(or $(SEED),0) --baselines $(or $(BASELINES),4)

check: setup ## style, types, layers (ruff, mypy, import-linter)
	@failed=; for tool in "ruff check" "ruff format --check" "mypy" "lint-imports"; do \
		echo "$$tool"; .venv/bin/$$tool || failed="$$failed $${tool%% *}"; \
	done; test -z "$$failed" || { echo "make check: failed:$$failed" >&2; exit 1; }

format: setup ## put every Python file into the house's format
	@.venv/bin/ruff check --fix-only --quiet
	@.venv/bin/ruff format

bench: setup ## measure hosts, checks, `up`, the shop beside other ways to it, fifty hosts (BENCH=shop: that alone)
	@for file in $(or $(BENCH:%=benchmarks/%.py),benchmarks/*.py); do echo "== $$file"; $(PYTHON) "$$file" $(ARGS) || exit; done

docs: setup ## write the pages that are read off the program (docs/reference)
	@$(PYTHON) -m scripts.docs

localstack: setup ## how far LocalStack carries the examples, and states in its buckets (an environment of its own)
	@$(PYTHON) -m pytest tests/e2e/localstack tests/e2e/terraform/test_backend.py tests/e2e/terraform/test_backend_verb.py \
		--localstack -s $(ARGS)

lock: ## resolve the dependencies anew into the two lock files (UPGRADE=1 for newer versions)
	@scripts/lock

clean: ## remove what set-up, tests and tools left in this checkout
	@rm -rf .venv .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
