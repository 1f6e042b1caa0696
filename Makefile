# `make help` lists what there is to make.

PYTHON ?= python3
VENV ?= .venv
# How many backends are tested at a time. With one, the output comes as it is
# written; with more, each backend's output is held back until it is complete.
JOBS ?= 1
PYTEST_ARGS ?= -q --durations=5

BACKENDS := tensorflow jax torch
# Tests that are run once, whereas all others are run once per backend: those
# that start processes with every backend themselves, and those of what knows
# no backend, such as functions of NumPy arrays, the sizes of a paper's
# networks, what a model learns, files and documents. That training is the same
# on all backends is a test of its own.
ONCE := $(wildcard $(addprefix tests/,architecture integration \
	$(addprefix metrics/,samples likelihood disentanglement representations \
		speech) \
	$(addprefix data/test_,attributes.py augmentation.py digits.py factors.py \
		folder.py lit_heads.py loading.py pairs.py partial_labels.py \
		pipelines.py recordings.py scenes.py speech.py splits.py sprites.py \
		value_range.py zipping.py) \
	$(addprefix test_,command_line.py cost.py files.py mutation.py readme.py) \
	engine/test_docstrings.py models/test_conditioning.py \
	models/test_games.py models/test_translation.py \
	contract/test_derivatives.py contract/test_signatures.py \
	models/*/test_*_networks.py models/*/test_*_learning.py))
SOURCES := $(wildcard keras_gen recipes benchmarks docs tests)
# Where `make test-cost` gathers what the tests of each run cost.
COSTS := build/test_cost
cost_options = $(if $(COST),-p tests.cost --cost=$(COSTS)/$(1).json)

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install -c constraints.txt
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

export TF_CPP_MIN_LOG_LEVEL ?= 3
export OMP_NUM_THREADS ?= 2

.PHONY: help demo test test-cost test-once $(BACKENDS:%=test-%) mutation lint \
	format clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    train a DCGAN on handwritten digits, with TensorFlow"
	@echo "make test    lint, then the tests on TensorFlow, JAX and PyTorch"
	@echo "             (JOBS=2: two backends at a time)"
	@echo "make test-B  the tests on one backend: $(BACKENDS)"
	@echo "make test-once"
	@echo "             the tests of what knows no backend, or every one"
	@echo "make test-cost"
	@echo "             all tests, and their processor seconds: by folder, by"
	@echo "             system, the slowest"
	@echo "make mutation"
	@echo "             whether a test fails where a formula is changed"
	@echo "make lint    ruff format --check, ruff check"
	@echo "make format  ruff format, ruff check --fix"
	@echo "make clean   remove caches and build products"
	@echo "PYTHON=...   the interpreter that $(VENV) is made from"

demo: $(VENV)/.installed-demo
	KERAS_BACKEND=tensorflow $(BIN)/python recipes/dcgan.py \
		--run-name demo --overwrite
	@echo "Samples: $(CURDIR)/runs/demo"
	@echo "Model:   $(CURDIR)/saved_models/demo"

# The tests go on after a failure, so that one run shows every backend's. The
# longest come first: with JOBS=2, none is left to run alone for long.
test: lint
	$(MAKE) --no-print-directory --keep-going --jobs=$(JOBS) $(SYNC) \
		test-once test-jax test-tensorflow test-torch

$(BACKENDS:%=test-%): test-%: $(VENV)/.installed-test
	@echo "== tests on $* =="
	KERAS_BACKEND=$* $(BIN)/python -m pytest $(PYTEST_ARGS) \
		$(call cost_options,$*) tests $(ONCE:%=--ignore=%)

test-once: $(VENV)/.installed-test
	@echo "== tests across backends =="
	KERAS_BACKEND=tensorflow $(BIN)/python -m pytest $(PYTEST_ARGS) \
		$(call cost_options,once) $(ONCE)

# The costs are shown, whether or not all tests pass.
test-cost: $(VENV)/.installed-test
	rm -rf $(COSTS)
	$(MAKE) --no-print-directory --keep-going COST=1 $(BACKENDS:%=test-%) \
		test-once; status=$$?; \
	$(BIN)/python tests/cost.py $(COSTS); exit $$status

mutation: $(VENV)/.installed-test
	$(BIN)/python benchmarks/mutation.py --jobs $(JOBS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

format: $(VENV)/.installed-test
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Stamps: what is installed is installed again only when either file changes.
$(VENV)/.installed-demo: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e '.[tensorflow,recipes]'
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e '.[all,test]'
	@touch $@
