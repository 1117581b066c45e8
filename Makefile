# `make demo` and `make test` work on a fresh machine with Python 3.11, 3.12 or 3.13, git and make.
# 3.14 is not tested, and the server's Python backend has no stub for it (docs/triton.md).
PYTHON ?= $(shell for python in python3 python3.12 python3.13 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& command -v $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
# On a machine without a GPU, PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"
# spares the CUDA packages.
PIP_FLAGS ?=
STAMP := $(VENV)/.installed

.PHONY: bench demo test check format install clean

demo: $(STAMP)
	$(BIN)/pintower run demo
	$(BIN)/pintower query "minimalist oak dining table" --start --top 5
	$(BIN)/pintower query "vegan cupcakes" --start --top 5
	@echo
	@echo "The page:     artifacts/demo/report/report.html"
	@echo "Serve it:     $(BIN)/pintower serve artifacts/demo/models"
	@echo "Then ask it:  $(BIN)/pintower query \"boho bedroom ideas\""

# The demo's release beside what would be served instead; BENCH_FLAGS as bench/serving.py takes them.
BENCH_FLAGS ?=
bench: $(STAMP)
	test -f artifacts/demo/models/manifest.json || $(BIN)/pintower run demo
	$(if $(PIP_FLAGS),PIP_EXTRA_INDEX_URL="$(patsubst --extra-index-url%,%,$(PIP_FLAGS))") \
		$(BIN)/python bench/serving.py artifacts/demo $(BENCH_FLAGS)

test: $(STAMP)
	$(BIN)/python -m pytest

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: pintower needs Python 3.11, 3.12 or 3.13, and there is none; python3 here is $$(python3 -V 2>&1 || true) (3.14 and later are not tested, and the python backend of Triton has no stub for them). Install Python 3.12 (apt install python3.12 python3.12-venv, or uv python install 3.12) or name one: make PYTHON=/path/to/python3.12"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt -e '.[bench,cluster,cpu,demo,dev,openvino,tune]'
	touch $@

clean:
	rm -rf $(VENV) artifacts
