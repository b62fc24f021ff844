# `make` alone says what there is to do. It needs Python 3.11 or later with venv and pip, and make.
# Every target first makes the environment it needs, from the exact versions in constraints.txt.

# The first of these that really is Python 3.11 or later; 3.11 is the one we test with.
# To use another one: make PYTHON=/path/to/python
ifndef PYTHON
PYTHON = $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
    $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; \
    done)
endif
JOBS ?= 2

PY := .venv/bin/python
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
# A number of test processes share the cores, so each gets one thread. "loadfile" keeps the cells of
# a notebook in one process.
PYTEST = OMP_NUM_THREADS=1 $(PY) -m pytest -n $(JOBS) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help quickstart lab notebooks editions slides address test test-code test-notebooks test-long lint format book pdf links bench gpu constraints clean

help:  ## Say what there is to do
	@echo "Inductive Bias, in Bits"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | \
	    while IFS='|' read -r target text; do printf '  make %-16s %s\n' "$$target" "$$text"; done

quickstart: .venv/installed  ## Measure the inductive bias of a real task on real data
	$(PY) -m ibhelpers quickstart

lab: .venv/installed  ## Open the notebooks in JupyterLab
	$(PY) -m jupyterlab notebooks

notebooks: .venv/installed  ## Run every notebook anew, and record for the book that it ran
	$(PY) scripts/run_notebooks.py

editions: .venv/installed  ## Write the notebooks for students and for instructors
	PYTHONPATH=. $(PY) scripts/make_editions.py

slides: .venv/installed  ## Write the slides of eight chapters
	$(PY) scripts/make_slides.py

address: .venv/installed  ## Write REPOSITORY_URL into the README and the notebooks
	$(PY) scripts/set_address.py "$(REPOSITORY_URL)"

test: lint  ## Check everything: style, code, examples, notebooks, book
	$(PYTEST) --nbval

test-code: .venv/installed  ## Check the code and the examples in its docstrings
	$(PYTEST) tests ibhelpers

test-notebooks: .venv/installed  ## Run the notebooks again and compare with their committed outputs
	$(PYTEST) --nbval notebooks

test-long: .venv/installed  ## Check what takes minutes: chapters in JupyterLab, answered, with the wheel
	OMP_NUM_THREADS=1 $(PY) -m pytest -m long tests

lint: .venv/installed  ## Check the style and the types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) scripts/check_types.py

format: .venv/installed  ## Mend the style, where a machine can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

book: .venv/installed  ## Build the book into book/_build/html
	$(PY) scripts/build_book.py

pdf: .venv/installed  ## Build the book and print it: the PDF stands beside the pages
	$(PY) scripts/build_book.py --pdf

links: book  ## Check every link of the book, outside ones where there is a network
	$(PY) scripts/check_links.py --outside

bench: .venv-bench/installed  ## Measure speed and memory, beside other libraries
	.venv-bench/bin/python tests/benchmarks/run.py

# Installs nothing, so that it runs wherever there is a card: PYTHON needs torch, numpy and scipy.
gpu:  ## Check and measure on a CUDA card, eight minutes at most (a rehearsal: REHEARSE=1)
	$(or $(wildcard $(PY)),$(PYTHON)) scripts/gpu.py $(if $(REHEARSE),--rehearse)

constraints: .venv-new/made  ## Renew constraints.txt: the newest of everything, PyTorch as it is
	sed -n '/^torch==/p' constraints.txt > .venv-new/torch.txt
	.venv-new/bin/python $(PIP_INSTALL) --constraint .venv-new/torch.txt --editable '.[course,cluster,test,book]'
	echo '# The exact versions the course was tested with; `make constraints` renews them.' > constraints.txt
	# The CPU and CUDA builds of PyTorch are one version here: a constraint that fits both machines.
	.venv-new/bin/python -m pip freeze --all --exclude-editable --exclude pip | \
	    sed -e '/^torch==/s/+.*//' -e '/^nvidia-/d' -e '/^cuda-/d' -e '/^triton==/d' >> constraints.txt
	rm -rf .venv-new

clean:  ## Remove the environments and everything that was built
	rm -rf .venv .venv-bench .venv-new book/_build editions *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -prune -exec rm -rf {} +

# The environments. "installed" is written last, so one whose making was interrupted never counts as
# made; it is made anew when what it should contain changes.
.venv/installed: extras := course,cluster,test,book
.venv-bench/installed: extras := bench
%/installed: pyproject.toml constraints.txt
	$(new_venv)
	@$*/bin/python $(PIP_INSTALL) --constraint constraints.txt --editable '.[$(extras)]'
	@touch $@

.venv-new/made: FORCE
	$(new_venv)

FORCE:

define new_venv
@test -n "$(PYTHON)" || { echo "No Python 3.11 or later was found. Install one, or say where" \
    "yours is: make PYTHON=/path/to/python"; exit 1; }
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
    echo "$(PYTHON) is not Python 3.11 or later ($$($(PYTHON) --version 2>&1))." \
    "Say where one is: make PYTHON=/path/to/python"; exit 1; }
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv or no pip." \
    "Debian and Ubuntu have them in a package of their own: apt install python3-venv"; exit 1; }
@echo "Setting up $(@D) with $(PYTHON): this happens once and downloads PyTorch, so it takes a while."
@rm -rf $(@D)
@$(PYTHON) -m venv $(@D)
endef
