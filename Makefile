# Works on a machine that has make and Python 3.10 to 3.13, and reaches a package index. `make` alone lists the targets.
.DEFAULT_GOAL := help

# The interpreter that makes the environment: the first of these that is of a supported version. Or: make test PYTHON=python3.12
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10 python; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps

# Hundreds of megabytes come and go in every step on a CPU. Handing them back to the system each time costs half of the run time.
FAST_MALLOC := MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=4294967296
# Tests must not depend on a hub: whatever they load is shipped or made by themselves.
# Two threads that spin while they wait for each other are many times slower where other programs run.
TEST_ENV := $(FAST_MALLOC) OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=0 HF_HUB_OFFLINE=1 MPLBACKEND=Agg

# uv installs in seconds what takes pip minutes. It does not read pip's settings, so it is told of an index that they name. Where uv
# does not run, or the index is one that only pip reaches, pip does the work. Where there is no NVIDIA driver, uv is first asked for
# PyTorch's CPU build, which does without 4 GB of CUDA libraries; where that cannot be had, the ordinary one is installed.
define install
	@index="$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}"; \
	if [ -n "$$index" ] && [ -z "$$UV_DEFAULT_INDEX" ]; then export UV_DEFAULT_INDEX="$$index"; fi; \
	by_uv() { [ -x $(BIN)/uv ] && $(BIN)/uv pip install --quiet "$$@" --python $(BIN)/python --constraint constraints.txt --editable '$(1)'; }; \
	without_cuda() { [ "$$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null && UV_HTTP_RETRIES=1 by_uv --torch-backend=cpu 2>/dev/null; }; \
	without_cuda || by_uv || $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '$(1)'
endef

##@ Use
.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: $(STAMPS)/core ## install the core and protect the example pictures into out/
	$(BIN)/unseg protect examples/photos out/

.PHONY: install
install: $(STAMPS)/all ## install everything, development tools included, into .venv

##@ Check
.PHONY: test
test: lint types layers pytest ## install everything, then lint, types, layers and all tests

.PHONY: lint
lint: $(STAMPS)/all ## ruff: rules and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: $(STAMPS)/all ## mypy
	$(BIN)/mypy

.PHONY: layers
layers: $(STAMPS)/all ## import-linter: imports point one way
	$(BIN)/lint-imports

.PHONY: pytest
pytest: $(STAMPS)/all ## the tests alone; narrow them with ARGS="tests/noise -k tiles -n 0"
	$(TEST_ENV) $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

.PHONY: fuzz
fuzz: $(STAMPS)/all ## 5,000 malformed files through protect; other numbers: make fuzz INPUTS=50000
	UNSEG_FUZZ_INPUTS=$(or $(INPUTS),5000) $(TEST_ENV) $(BIN)/python -m pytest -s tests/protect/hostile/test_mutated_files.py

.PHONY: format
format: $(STAMPS)/all ## let ruff rewrite the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

##@ Measure and train
.PHONY: bench-victims
bench-victims: $(STAMPS)/all ## training pictures a second of every victim
	$(FAST_MALLOC) $(BIN)/python scripts/bench_victims.py $(ARGS)

.PHONY: bench-train
bench-train: $(STAMPS)/all ## training pictures a second and memory of generators
	$(FAST_MALLOC) $(BIN)/python scripts/bench_train.py $(ARGS)

.PHONY: bench-speed
bench-speed: $(STAMPS)/all ## seconds a picture; compare with ARGS="--rate-only --against COMMIT"
	$(FAST_MALLOC) $(BIN)/python scripts/bench_speed.py $(ARGS)

.PHONY: results
results: $(STAMPS)/all ## write the pages of results from docs/results/
	$(BIN)/python scripts/make_results.py

.PHONY: docs
docs: $(STAMPS)/all ## write docs/cli.md and docs/formats.md, which tests make
	UNSEG_WRITE_DOCS=1 $(TEST_ENV) $(BIN)/python -m pytest tests/cli/test_cli_page.py tests/protect/test_formats_page.py

# What is protected and measured: the examples, and twenty test pictures of ECSSD where the data folder is there.
VISIBILITY ?= runs/visibility
.PHONY: visibility
visibility: $(STAMPS)/all ## protect pictures at the default strength and measure what people see
	rm -rf '$(VISIBILITY)/clean' '$(VISIBILITY)/protected' && mkdir -p '$(VISIBILITY)/clean' && cp -R examples/photos '$(VISIBILITY)/clean/photos'
	@ecssd="$${UNSEG_SHARED:-../shared}/data/ecssd/images/test"; [ -d "$$ecssd" ] || { echo "note: no $$ecssd, the examples alone"; exit 0; }; \
	mkdir '$(VISIBILITY)/clean/ecssd' && for p in $$(ls "$$ecssd" | head -n 20); do cp "$$ecssd/$$p" '$(VISIBILITY)/clean/ecssd/'; done
	$(FAST_MALLOC) $(BIN)/unseg protect '$(VISIBILITY)/clean' '$(VISIBILITY)/protected'
	$(BIN)/python scripts/measure_visibility.py '$(VISIBILITY)/clean' '$(VISIBILITY)/protected' --sheet '$(VISIBILITY)/sheet.png'

DATA ?= synthetic
RUN ?= runs/lite
.PHONY: train-lite
train-lite: $(STAMPS)/all ## train the shipped generator: make train-lite DATA=... RUN=runs/lite
	$(FAST_MALLOC) $(BIN)/unseg train --preset lite --data '$(DATA)' --out '$(RUN)'

##@ Housekeeping
.PHONY: constraints
constraints: $(STAMPS)/all ## choose the newest versions of all dependencies again
	{ echo '# The versions that were tested together, for every supported Python. Written by `make constraints`.'; \
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.10 --upgrade --no-header --no-annotate --quiet; } > constraints.new
	mv constraints.new constraints.txt

# Intel's Macs have the core alone: PyTorch has left them. flip-evaluator is built from source on ARM, so wheels are not asked for there.
.PHONY: platforms
platforms: $(STAMPS)/all ## ask the package index whether every supported system and Python finds what constraints.txt says
	@set -e; for python in 3.10 3.11 3.12 3.13; do for system in \
		x86_64-unknown-linux-gnu:--all-extras aarch64-unknown-linux-gnu: x86_64-pc-windows-msvc:--all-extras \
		aarch64-apple-darwin:--all-extras x86_64-apple-darwin:; do \
		echo "Python $$python, $$(echo "$$system" | tr : ' ')"; \
		MACOSX_DEPLOYMENT_TARGET=14.0 $(BIN)/uv pip compile pyproject.toml $${system#*:} --constraint constraints.txt --only-binary :all: \
			--python-platform "$${system%%:*}" --python-version $$python --quiet --output-file /dev/null; done; done

.PHONY: clean
clean: ## remove the environment, caches and the demo's output
	rm -rf $(VENV) out dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# The environment. The stamps are newer than what they were made from, so that a second run installs nothing.
$(STAMPS)/venv:
	@[ -n "$(PYTHON)" ] || { echo "error: no Python 3.10 to 3.13 was found"; echo "hint: install one, or name it: make PYTHON=/path/to/python3.12"; exit 1; } >&2
	@$(PYTHON) -m venv $(VENV) || { echo "error: $(PYTHON) cannot make virtual environments"; \
		echo "hint: install its venv module (Debian, Ubuntu: apt install python3-venv)"; exit 1; } >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv || echo "note: no uv here, pip will install"
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/core: pyproject.toml constraints.txt | $(STAMPS)/venv
	@echo "installing unseg into $(VENV)"
	$(call install,.)
	@touch $@

$(STAMPS)/all: pyproject.toml constraints.txt | $(STAMPS)/venv
	@echo "installing unseg with all extras into $(VENV) (torch is large: minutes on a slow line)"
	$(call install,.[bench$(comma)train$(comma)ray$(comma)ui$(comma)dev])
	@touch $@ $(STAMPS)/core

comma := ,
