# Works with nothing but python3 (3.11 or newer) on the machine; the environment lives in .venv.
PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench docs clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    deconvolve the image that ships with the package, into demo_output/"
	@echo "make test    lint, types and all tests"
	@echo "make lint    lint and types only"
	@echo "make bench   measure speed, into benchmarks/RESULTS.md"
	@echo "make docs    build the documentation site, into docs/_build/"
	@echo "make clean   remove the environment and everything made"

define install
	@$(PYTHON) -c 'import sys; sys.exit("sparsescope needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; say which to use: make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	@if command -v uv >/dev/null 2>&1 && uv venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(VENV) \
	    && uv pip install --quiet --python $(BIN)/python -e '$(1)'; then :; \
	else \
	    $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '$(1)'; \
	fi
	@touch $@
endef

$(VENV)/.installed: pyproject.toml
	@echo "making $(VENV) with what sparsescope needs (once, a minute or two) …"
	$(call install,.)

$(VENV)/.installed-dev: pyproject.toml
	@echo "making $(VENV) with what the tests need (once, a minute or two) …"
	$(call install,.[dev])
	@touch $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml
	@echo "making $(VENV) with what the documentation needs (once, a minute or two) …"
	$(call install,.[docs])
	@touch $(VENV)/.installed

demo: $(VENV)/.installed
	$(BIN)/sparsescope demo --out demo_output --overwrite

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict src

test: lint
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build
	@echo "look at docs/_build/index.html"

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/speed.py 

clean:
	rm -rf $(VENV) demo_output docs/_build dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
