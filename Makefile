# Viva Voce: a few honest targets. `make demo` and `make test` need nothing but Python >= 3.10.
#
# PYTHON=/path/to/python3.x chooses the interpreter; VENV=dir the virtual environment.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
VENV ?= .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input

# The exact pin lets pip take the CPU build where one lies; the rest of the set-up keeps it.
TORCH := torch==2.13.0

.PHONY: help install demo test test-slow serve bench-accuracy nano-report bench-latency bench-endpoint bench-room bench-detokenizer bench-moe-decode train-nano lint clean
.DEFAULT_GOAL := help

help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

install: $(VENV)/.installed  ## make .venv and install the daemon

demo: $(VENV)/.installed  ## a whole spoken conversation on this machine, no sound hardware needed
	@$(VENV)/bin/vivavoce demo

test: $(VENV)/.test-tools  ## make the test set-up and run the suite
	@bash tests/debian_packages.sh
	@$(PY) -m pytest -m "not slow" $(ARGS)

test-slow: $(VENV)/.test-tools  ## the long tests, which `make test` leaves out
	@bash tests/debian_packages.sh
	@$(PY) -m pytest -m slow $(ARGS)

serve: $(VENV)/.installed  ## run the daemon with microphone, speaker and WebSocket
	@$(VENV)/bin/vivavoce serve $(ARGS)

bench-accuracy: $(VENV)/.bench-tools  ## what nano understands of voices and phrasings it never met
	@bash tests/debian_packages.sh
	@$(PY) -m benchmarks.accuracy $(ARGS)

nano-report: $(VENV)/.bench-tools  ## draw the pictures and write the tables of docs/nano.md
	@$(PY) -m benchmarks.nano_report $(ARGS)

bench-latency: $(VENV)/.bench-tools  ## end of speech to first audio, and barge-in, over the WebSocket
	@bash tests/debian_packages.sh
	@$(PY) -m benchmarks.latency $(ARGS)

bench-endpoint: $(VENV)/.bench-tools  ## how soon a turn is over, and how often it was not: speech with pauses
	@bash tests/debian_packages.sh
	@OMP_NUM_THREADS=1 $(PY) -m benchmarks.endpoint $(ARGS)

bench-room: $(VENV)/.bench-tools  ## does it hear itself, does it yield: simulated rooms, faster than real time
	@bash tests/debian_packages.sh
	@OMP_NUM_THREADS=1 $(PY) -m benchmarks.room $(ARGS)

bench-detokenizer: $(VENV)/.bench-tools  ## what a second of Ming's speech costs, from the 1st to the 60th
	@$(PY) -m benchmarks.detokenizer $(ARGS)

bench-moe-decode: $(VENV)/.bench-tools  ## a decode step of Ming's thinker, several ways side by side
	@$(PY) -m benchmarks.moe_decode $(ARGS)

train-nano: $(VENV)/.bench-tools  ## train nano from nothing, or go on; see training/README.md
	@bash tests/debian_packages.sh
	@$(PY) -m training $(ARGS)

lint: $(VENV)/.test-tools  ## ruff and mypy
	@$(PY) -m ruff check .
	@bash deploy/typecheck.sh $(VENV)

clean:  ## remove caches and the virtual environment
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# --- stamps: a second call does nothing ---------------------------------------------------

$(VENV)/.made:
	@VENV="$(VENV)" PYTHON="$${PYTHON:-}" bash deploy/make_venv.sh
	@touch $@

$(VENV)/.torch: $(VENV)/.made
	@echo "Installing $(TORCH); this is the large one ..."
	@$(PIP) install --quiet "$(TORCH)"
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.torch
	@echo "Installing Viva Voce ..."
	@$(PIP) install --quiet "$(TORCH)" "setuptools>=77" -e ".[aec,silero]"
	@$(PIP) install --quiet "$(TORCH)" -e ".[wakeword]" 2>/dev/null || \
		echo "The wake word's engine is not made for this system; everything else works."
	@touch $@

$(VENV)/.test-tools: $(VENV)/.installed
	@echo "Installing the test tools ..."
	@$(PIP) install --quiet "$(TORCH)" -e ".[aec,silero,test,train]"
	@touch $@

$(VENV)/.bench-tools: $(VENV)/.installed
	@echo "Installing the training and benchmark tools ..."
	@$(PIP) install --quiet "$(TORCH)" -e ".[aec,silero,train]"
	@touch $@
