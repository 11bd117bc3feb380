# Everything from nothing but Python 3.11+, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check bench truth clean

demo: $(READY)  ## the loop on examples/, offline
	$(BIN)/python examples/demo.py

test: check  ## style, types and tests
	$(BIN)/python -m pytest -n auto

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(READY)  ## what it costs: each program prints its table; scan needs the package registry
	for program in record instrument scan; do $(BIN)/python benchmarks/$$program.py || exit 1; done

truth: $(READY)  ## what is found, beside the running program; needs the registry and half an hour
	$(BIN)/python benchmarks/truth.py

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $(READY)

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
