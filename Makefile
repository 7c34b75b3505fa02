# `make demo` and `make test` each work as the first command after a clone: they prepare .venv themselves.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup demo test lint check docs fit fuzz bench bench-analyze bench-causes bench-faults bench-import bench-page bench-pull bench-pull-memory bench-readers wheel clean
setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "signin-triage needs Python 3.11 or newer: make PYTHON=python3.12 setup")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

demo: $(READY)
	$(BIN)/signin-triage demo --out demo

test: $(READY)
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The oldest DuckDB that must be able to read what is published; a test opens the file with it.
OLD_READER := .venv/duckdb-1.4
$(OLD_READER): $(READY)
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check 'duckdb==1.4.*'

check: lint $(OLD_READER) test

docs: $(READY)
	$(BIN)/typer pipeline.cli utils docs --name signin-triage --title "Commands" --output docs/reference.md
	$(BIN)/python -m pipeline.dictionary > docs/data-dictionary.md

# The weights of the rules, from simulated tenants that no benchmark sees.
fit: $(READY)
	$(BIN)/python -m tests.benchmarks.fit

bench: bench-analyze bench-causes bench-faults bench-import bench-page bench-pull bench-pull-memory bench-readers

bench-analyze: $(READY)
	$(BIN)/python -m tests.benchmarks.analyze

bench-causes: $(READY)
	$(BIN)/python -m tests.benchmarks.causes

bench-faults: $(READY)
	$(BIN)/python -m tests.benchmarks.faults

bench-import: $(READY)
	$(BIN)/python -m tests.benchmarks.imports

# Damaged exports of every form: bounded, and the same for the same seed.
fuzz: $(READY)
	$(BIN)/python -m tests.benchmarks.fuzz

bench-page: $(READY)
	$(BIN)/python -m tests.benchmarks.page

# What is measured against needs pandas, which nothing else does.
BENCH_READY := .venv/.bench-ready
$(BENCH_READY): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	touch $@

bench-pull: $(BENCH_READY)
	$(BIN)/python -m tests.benchmarks.pull speed latency

bench-pull-memory: $(READY)
	$(BIN)/python -m tests.benchmarks.pull memory

bench-readers: $(READY)
	$(BIN)/python -m tests.benchmarks.readers

wheel: $(READY)
	$(BIN)/python -m build --no-isolation --wheel

clean:
	rm -rf .venv build dist demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
