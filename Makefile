# ripguard: `make protect` does the main job on a fresh machine; `make help` lists the rest.
DATASET ?= demo
ARGS ?=
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ECOSYSTEM := build/ecosystem

PYTHONS ?= python3.11 python3.12 python3.13
FULL ?=

PROTOCOL ?= $(if $(filter demo,$(DATASET)),demo,smoke)
SEEDS ?= 0

.PHONY: demo platform protect evaluate bench docs notebooks test test-all test-machines test-ecosystem test-wheels results leaderboard lint format venv clean help

demo: $(READY)  ## photographs protected, restored, and models trained on them: one figure
	$(BIN)/python experiments/demo.py $(ARGS)

platform: $(READY)  ## a platform with protected photographs, an owner and a user, in build/platform; Ctrl-C stops it: ARGS
	$(BIN)/python experiments/platform_demo.py $(ARGS)

protect: $(READY)  ## protect DATASET (demo | photos | cifar10 | tinyimagenet | a folder), restore it, prove equality, draw a grid
	$(BIN)/python experiments/chain.py $(DATASET) -- $(ARGS)

evaluate: $(READY)  ## train on clean, protected, restored, into build/: DATASET PROTOCOL (paper | standard | apbench | fast | smoke | demo) SEEDS
	$(BIN)/python experiments/table1.py $(DATASET) --protocol $(PROTOCOL) --seeds $(SEEDS) $(ARGS)

bench: $(READY)  ## images a second and memory, beside PNG and peers in the same run: DATASET
	$(BIN)/python experiments/bench.py $(if $(filter file,$(origin DATASET)),photos,$(DATASET)) $(ARGS)

docs: $(READY)  ## the documentation as a site in build/docs; warnings, broken links and undocumented names fail
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs

notebooks: $(READY)  ## run the notebooks again and keep their outputs
	$(BIN)/python tools/run_notebooks.py

test: $(READY)  ## the fast tests
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: $(READY)  ## all tests, the long ones too
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-machines: $(READY)  ## the numeric tests as on other machines, and how near their limits they come: hours
	$(BIN)/python experiments/machines.py $(ARGS)

test-ecosystem: $(ECOSYSTEM)/.ready  ## what torchvision, Hugging Face, timm, ultralytics and pycocotools find in a release
	$(ECOSYSTEM)/bin/python -m pytest tests/ecosystem

test-wheels: $(READY)  ## build wheel and sdist, and install them in bare environments: PYTHONS, FULL=1 with torch too
	RIPGUARD_TEST_WHEELS=1 $(if $(FULL),RIPGUARD_TEST_FULL=1) RIPGUARD_TEST_PYTHONS="$(PYTHONS)" $(BIN)/python -m pytest tests/wheels

results: $(READY)  ## make the pages of results/, and the tables of README and docs/, again from the records
	$(BIN)/python tools/make_tables.py

leaderboard: $(READY)  ## all schemes side by side, from the records: results/leaderboard.md and its figure, and that of carve
	$(BIN)/python tools/make_tables.py
	$(BIN)/python tools/make_leaderboard.py

lint: $(READY)  ## ruff, mypy, layers of imports, tables up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/make_tables.py --check

format: $(READY)  ## let ruff format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

venv: $(READY)  ## the environment only

$(READY): setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	# torch first: the pinned build then satisfies torchvision, which would otherwise pull its own
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt torch
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e ".[fast,platform,postgres,vault,test,dev,docs]"
	touch $@

# an environment of its own: these libraries bring many others
$(ECOSYSTEM)/.ready: setup.cfg constraints.txt
	$(PYTHON) -m venv $(ECOSYSTEM)
	$(ECOSYSTEM)/bin/pip install --disable-pip-version-check -q -c constraints.txt torch
	$(ECOSYSTEM)/bin/pip install --disable-pip-version-check -q -c constraints.txt -e ".[fast,test,ecosystem]"
	touch $@

clean:  ## remove what make made, but not keys: look into build/ yourself
	rm -rf $(VENV) .pytest_cache .hypothesis .mypy_cache .ruff_cache

help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'
