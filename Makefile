# The one door to every chore. Needs: make, and Python 3.11 or newer with its venv module. No root, no service.
# With cargo on the PATH the Rust core is built too; without it everything works on the Python reference.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
CARGO := $(shell command -v cargo 2>/dev/null)
WORKSPACE := $(firstword $(wildcard Cargo.toml crates/Cargo.toml))
CRATES := $(shell find crates Cargo.toml Cargo.lock .cargo -name target -prune -o -type f -print 2>/dev/null)
INSTALLED := $(VENV)/.installed-with$(if $(CARGO),,out)-cargo
DEVELOPED := $(VENV)/.developed
PIP := $(PY) -m pip --disable-pip-version-check --quiet

# The first Python on the PATH that is new enough; `make PYTHON=/path/to/python install` names another.
PYTHON = $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)

# What `make run` and `make test` pass on: `make run ARGS="--for 5m --faults"`, `make test ARGS="tests/core -k gap"`.
ARGS ?=
DEMO_FOR ?= 40s
# So many tests run at the same time; 0: one after the other in one process.
WORKERS ?= 2

.PHONY: help install develop run test lint check format bench lock clean distclean
.PHONY: sim-binance sim-gate sim-mexc

help:  ## list the chores
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## make .venv and install oneprice into it (builds the Rust core where cargo is)

run: $(INSTALLED)  ## install, then the demo: trades between three simulated exchanges, and a report
	@$(VENV)/bin/oneprice demo $(if $(ARGS),$(ARGS),--for $(DEMO_FOR))

test: $(DEVELOPED)  ## install, then all tests, once per core
	@$(PY) tests/per_core.py -n $(WORKERS) $(ARGS)

develop: $(DEVELOPED)  ## install what tests and checks need as well

lint: $(DEVELOPED)  ## format, lint, types, import rules, clippy; no tests
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
ifneq ($(and $(CARGO),$(WORKSPACE)),)
	$(CARGO) fmt --manifest-path $(WORKSPACE) --all --check
	$(CARGO) clippy --manifest-path $(WORKSPACE) --workspace --all-targets --locked --quiet -- -D warnings
else
	@echo "cargo or the crates are not here: the Rust checks are left out"
endif

check: lint test  ## lint, then test: what CI runs

format: $(DEVELOPED)  ## write the format that lint asks for
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .
	$(if $(and $(CARGO),$(WORKSPACE)),$(CARGO) fmt --manifest-path $(WORKSPACE) --all)

bench: $(DEVELOPED)  ## all benchmarks; results under bench/results/
	@mkdir -p bench/results
	@for name in frame_to_top scan_update feed_20 order_rtt tick_to_order journal_append recovery; do \
		echo "== $$name"; $(PY) bench/$$name.py --json bench/results/$$name.json || exit 1; done

sim-binance sim-gate sim-mexc: sim-%: $(INSTALLED)
	@$(VENV)/bin/oneprice sim serve $* $(ARGS)

sim-binance:  ## serve one simulated exchange until Ctrl-C (also sim-gate, sim-mexc)

lock: $(PY)  ## resolve anew and write requirements/*.txt, with hashes
	@$(PIP) install --require-hashes -r requirements/lock.txt
	@$(PY) requirements/lock.py
	$(if $(and $(CARGO),$(WORKSPACE)),$(CARGO) update --manifest-path $(WORKSPACE))

clean:  ## remove what builds and tests left
	rm -rf build dist target crates/target src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf .import_linter_cache src/oneprice/_core*.so $(VENV)/.installed-* $(DEVELOPED)
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean  ## clean, and remove .venv
	rm -rf $(VENV)

$(PY):
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer on the PATH; install one, or name it: make PYTHON=/path/to/python3.11 install"; exit 2; }
	@echo "making $(VENV) with $(PYTHON) ($$($(PYTHON) -c 'import platform; print(platform.python_version())'))"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "error: no venv module; on Debian and Ubuntu: apt install python3-venv"; exit 2; }

$(INSTALLED): $(PY) pyproject.toml setup.py requirements/runtime.txt requirements/build.txt $(CRATES)
	@echo "installing oneprice and what it needs into $(VENV)"
	@$(PIP) install --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@$(if $(CARGO),echo "building the Rust core (about a minute the first time; log: $(VENV)/build.log)",echo "cargo is not on the PATH: no Rust core is built")
	@( while sleep 3; do printf .; done ) & dots=$$!; \
	if $(PY) -m pip --disable-pip-version-check install --verbose --no-deps --no-build-isolation --editable . \
		>$(VENV)/build.log 2>&1; then kill $$dots; echo; \
	else kill $$dots; echo; tail -n 30 $(VENV)/build.log; \
		echo "error: installing failed; all of it: $(VENV)/build.log"; exit 1; fi
	@if grep -q 'optional Rust extension .* failed' $(VENV)/build.log; then rm -f src/oneprice/_core*.so; \
		echo "the Rust core did not build here; why: $(VENV)/build.log"; fi
	@$(PY) -c 'from oneprice.core import backend, backend_note; print(f"core: {backend} ({backend_note})")'
	@touch $@

$(DEVELOPED): $(INSTALLED) requirements/dev.txt
	@echo "installing what tests and checks need"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
