# Everything is installed into .venv. Outside this folder only caches are written.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
export UV_PYTHON_DOWNLOADS ?= never
export PYTHONDONTWRITEBYTECODE = 1

.PHONY: demo test check bench matrix
.DELETE_ON_ERROR:

demo: $(VENV)/.demo  ## render the default service, run it, print the traces that arrive
	$(RUN) -m tests.harness.demo

test: $(VENV)/.dev  ## all tests: sources, renders, running services
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	$(RUN) -m pytest

check: $(VENV)/.dev  ## the quick gate: sources and renders, under two minutes on two cores
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	$(RUN) -m pytest -m "not slow" -n 2 --dist loadfile

bench: $(VENV)/.dev  ## compare CPU, latency, throughput, start-up and memory with the alternatives; 20 minutes
	$(RUN) -m benchmarks

matrix: $(VENV)/.dev  ## measure what arrives from every framework and server; writes docs/delivery.md
	$(RUN) -m tests.matrix

$(VENV)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"$(PYTHON) is Python {sys.version.split()[0]}, but 3.11 or newer is needed. Try: make PYTHON=/path/to/python3.11")'
	@echo "installing the tools into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check "uv>=0.9"

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/uv
	@$(VENV)/bin/uv sync --quiet --inexact --no-default-groups --group demo
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/uv
	@$(VENV)/bin/uv sync --quiet
	@touch $@ $(VENV)/.demo
