# `make` alone tells what there is. Everything happens in .venv, which is made on first use.
#
# Pip's own settings are respected. On Linux without a graphics card
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu saves a few GB: a torch without CUDA.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The stamps hold the folder they were made in: the commands in .venv name it, so a moved folder needs a new .venv.
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
# The forum that the tests of the bot start, in an environment of its own: it pins libraries that are not ours.
FORUM := .venv-forum
READY_FORUM := $(FORUM)/.ready
# There while something is installed, with the number of the process that does it.
UNFINISHED := $(VENV)/.unfinished
# What the tests start for real and Debian has: a program, and the package it comes from.
COMPONENTS := dockerd:docker.io busybox:busybox-static iptables:iptables chromium:chromium pg_ctlcluster:postgresql
# Tests wait for other programs half of the time. In their order: what drives a browser is last.
AT_ONCE := --numprocesses 3 --dist loadfile --no-loadscope-reorder
# Twice quiet: errors alone.
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check

# The words as they were given: not expanded by make, nor by the shell.
override Q := $(value Q)
override NOTES := $(value NOTES)
export Q NOTES

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help ask question test check components static format bench clean

# Half made, moved, or its Python is gone: the stamps are false, and the rules below make it anew.
$(shell test ! -e $(UNFINISHED) && test "$$(cat $(READY) 2>/dev/null)" = "$$(pwd -P)" && $(BIN)/python -c '' 2>/dev/null \
  || rm -f $(READY) $(READY_DEV))

help:
	@echo 'make ask Q="How do I expose a port?"   the answer out of the packaged course (NOTES=path: out of other notes)'
	@echo 'make test                              everything: format, lint, layers, types, every test, the wheel'
	@echo 'make check                             the same without the slow tests, for while you work'
	@echo 'make format                            format the sources'
	@echo 'make bench                             measure speed, memory and quality'
	@echo 'make clean                             remove all that make and the tests have made, .venv too'
	@echo 'With another Python, 3.11 or newer:    make ask PYTHON=python3.12 Q="..."'

# Exit code 3 is an answer as well, "the notes do not say"; make would call it an error.
ask: question $(READY)
	@$(BIN)/ask $${NOTES:+--notes "$$NOTES"} "$$Q" || { code=$$?; test $$code -eq 3 || exit $$code; }

question:
	@test -n "$$Q" || { echo 'Say what to ask: make ask Q="How do I expose a port?"' >&2; exit 2; }

test: $(READY_DEV) $(READY_FORUM) components static
	$(BIN)/python -m pip --disable-pip-version-check check
	$(BIN)/python -m pytest $(AT_ONCE)

check: $(READY_DEV) static
	$(BIN)/python -m pytest $(AT_ONCE) -m "not real and not slow"

components:
	@missing=; for pair in $(COMPONENTS); do \
	  command -v $${pair%%:*} > /dev/null || missing="$$missing $${pair##*:}"; done; \
	test -z "$$missing" && exit 0; \
	if test "$$(id -u)" -eq 0 && command -v apt-get > /dev/null; then \
	  echo "Installing for the tests:$$missing ..." >&2; \
	  apt-get -q -q update && DEBIAN_FRONTEND=noninteractive \
	    apt-get -q -q install -y --no-install-recommends $$missing > /dev/null && exit 0; fi; \
	echo "Not here, and what needs them is left out:$$missing (a Debian root could install them)." >&2

static: $(READY_DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(READY_DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY_DEV)
	$(BIN)/python tests/bench/run.py

clean:
	rm -rf $(VENV) $(FORUM) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find assistant corpus index ui tests -name __pycache__ -prune -exec rm -rf {} +

# $(call install,WHAT): pip installs WHAT, then the stamp is written. If pip itself says no, what was there before still
# works; if it is stopped half way, UNFINISHED stays behind and the next call makes .venv anew.
define install
	@trap 'exit 130' INT TERM HUP; echo $$$$ > $(UNFINISHED); code=0; $(PIP) install --editable $(1) || code=$$?; \
	rm -f $(UNFINISHED); \
	if [ $$code -ne 0 ]; then echo "The installation failed, for the reason above. Mend it and call make again." >&2; exit 1; fi; \
	pwd -P > $@
endef

$(READY): pyproject.toml
	@command -v $(PYTHON) > /dev/null || \
	  { echo "There is no $(PYTHON). Install Python 3.11 or newer, or name it: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$$($(PYTHON) --version 2>&1) is too old. Name one that is 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || \
	  { echo "$(PYTHON) cannot make environments. Add that part (Debian, Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@if process=$$(cat $(UNFINISHED) 2> /dev/null) && kill -0 "$$process" 2> /dev/null; then \
	  echo "Process $$process is installing into $(VENV). Wait for it, or stop it and remove $(VENV)." >&2; exit 1; fi
	@echo "Installing into $(VENV); the first time about 2.3 GB, a few minutes ..." >&2
	@test -e $@ || { rm -rf $(VENV) && mkdir $(VENV) && echo $$$$ > $(UNFINISHED) && $(PYTHON) -m venv $(VENV); }
	$(call install,.)

$(READY_DEV): $(READY)
	@echo "Installing what the tests need ..." >&2
	$(call install,'.[dev]')
	@$(BIN)/python tests/bench/small_model.py --fetch || rm -f $@

$(READY_FORUM):
	@echo "Installing the forum that the bot is tested in ..." >&2
	@rm -rf $(FORUM) && $(PYTHON) -m venv $(FORUM)
	@$(FORUM)/bin/python -m pip --quiet --quiet --disable-pip-version-check install 'django-spirit==0.14.3'
	@pwd -P > $@
