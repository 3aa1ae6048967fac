# make run    sets up .venv and runs the default workflow on all cores
# make test   sets up .venv and runs every test
# make venv   only sets up; make lint runs the linters, make bench the benchmarks, make docs writes config/README.md

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint bench docs venv clean

run: venv
	$(BIN)/snakemake --cores all

test: venv
	$(BIN)/pytest --numprocesses logical --dist loadfile --no-loadscope-reorder

lint: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

bench: venv
	PYTHONPATH=workflow/scripts OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/bench_bias.py
	PYTHONPATH=workflow/scripts $(BIN)/python tests/benchmarks/bench_protein.py
	PYTHONPATH=workflow/scripts $(BIN)/python tests/benchmarks/bench_training.py
	$(BIN)/python tests/benchmarks/bench_planning.py

docs: venv
	PYTHONPATH=workflow/scripts $(BIN)/python -c "from mesaflow.documentation import render_documentation; from mesaflow.settings import load_schema; \
	print(render_documentation(load_schema('workflow/schemas/config.schema.yaml')), end='')" > config/README.md

venv: $(VENV)/installed

$(VENV)/installed: requirements.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "mesaflow needs Python 3.11 or newer; name one, as in: make run PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	touch $@

clean:
	rm -rf results logs benchmarks .snakemake
