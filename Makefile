# Every target makes what it needs first; `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install demo run test lint bench bench-quick quality

help: ## List these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

install: .venv/installed ## Make .venv with Mynah in it, at the versions of constraints.txt

.venv/installed: pyproject.toml setup.py constraints.txt $(wildcard trainer/engine/native/*)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/installed-test: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

demo: .venv/installed ## Import two sample archives, train a voice before your eyes, talk to it
	$(BIN)/mynah demo

run: .venv/installed ## Run bot and trainer together
	$(BIN)/mynah run

test: .venv/installed-test ## Run every test
	$(BIN)/python -m pytest -n 2

lint: .venv/installed-test ## Check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed-test ## Measure speed and memory beside those of its peers, as ratios of one run
	$(BIN)/python -m bench $(BENCH)

bench-quick: .venv/installed-test ## The same, small: shows within minutes that all of it works
	$(BIN)/python -m bench --quick $(BENCH)

quality: .venv/installed-test ## Tune voices and measure how good they are: attribution, copies, bits per byte, relevance
	$(BIN)/python -m quality $(QUALITY)
