# Everything from nothing but Python 3.11+, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
USABLE := $(VENV)/.usable
SERVERS := build/servers

.PHONY: demo test test-servers check bench truth fuzz corpus behaviour clean

demo: $(USABLE)  ## the loop on examples/, offline
	$(BIN)/python examples/demo.py

test: check  ## style, types and tests
	$(BIN)/python -m pytest -n auto

test-servers: $(READY) $(SERVERS)/.ready  ## dispatch against real servers, which the first time are built: half an hour
	$(BIN)/python -m pytest tests/real_servers

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(READY)  ## what it costs: each program prints its table; they need the registry
	for program in record dispatch scan rewrite dataset; do $(BIN)/python benchmarks/$$program.py || exit 1; done

truth: $(READY)  ## what is found, beside the running program; needs the registry and half an hour
	$(BIN)/python benchmarks/truth.py

fuzz: $(READY)  ## 10,000 random modules there and back, random calls, outlines of 6,000 broken files
	FUZZ=10000 $(BIN)/python -m pytest -s tests/rewrite/test_fuzz.py
	FUZZ=1000 $(BIN)/python -m pytest -s tests/rewrite/test_given.py
	FUZZ=10000 $(BIN)/python -m pytest -n auto tests/source/test_outline.py -k mistakes

corpus: $(READY)  ## every function of 25,000 published files there and back; needs the registry
	$(BIN)/python benchmarks/corpus.py
	$(BIN)/python benchmarks/corpus.py --every

behaviour: $(READY)  ## packages pass their own tests when they are instrumented; needs the registry
	$(BIN)/python benchmarks/behaviour.py

# What users have; what the tests need besides is a gigabyte.
$(USABLE): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[pdf,student]"
	touch $(USABLE)

$(READY): $(USABLE)
	$(BIN)/python -m pip install --quiet --group dev
	touch $(READY)

$(SERVERS)/.ready: tests/real_servers/requirements.txt tests/real_servers/tiny_model.py
	test -x $(SERVERS)/bin/python || $(PYTHON) -m venv $(SERVERS)
	$(SERVERS)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(SERVERS)/bin/python -m pip install --quiet --requirement tests/real_servers/requirements.txt
	$(SERVERS)/bin/python tests/real_servers/tiny_model.py $(SERVERS)/tiny.gguf
	touch $(SERVERS)/.ready

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
