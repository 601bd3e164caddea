# make demo       train on JAX, evaluate, predict; everything it makes lies in .venv/, demo/ and demo.html
# make bench      a fast benchmark of every backend, in about ten minutes, after the installation
# make notebooks  executes the chapters of the tutorial on every backend, in about ten minutes after the installation
# make test       what CI runs: lint, the tests under each backend, then every pair of backends compared
PYTHON ?= python3
SHELL := /bin/bash

.PHONY: demo bench notebooks test clean

demo: export KERAS_BACKEND := jax
demo: .venv/installed
	@if [ -f demo/manifest.json ]; then rm -rf demo; fi
	.venv/bin/imdb-rnn train --out demo
	@echo; echo '== the same model, loaded again: imdb-rnn evaluate demo'
	.venv/bin/imdb-rnn evaluate demo
	@echo; echo '== ten short reviews: imdb-rnn predict demo --samples'
	.venv/bin/imdb-rnn predict demo --samples
	@echo; echo '== a page that judges reviews as you type, without a server: imdb-rnn export demo demo.html --to html'
	@.venv/bin/imdb-rnn export demo demo.html --to html
	@echo; echo 'The model, its settings and its loss curve (history.png) are in demo/.'
	@echo 'Next: open $(CURDIR)/demo.html in a browser,'
	@echo 'or: KERAS_BACKEND=jax .venv/bin/imdb-rnn predict demo "your own review"'

bench: .venv-tox/installed
	.venv-tox/bin/tox run --notest -e jax,torch,tf
	.venv-tox/bin/tox run -e bench

notebooks: .venv-tox/installed
	.venv-tox/bin/tox run --notest -e jax,torch,tf
	.venv-tox/bin/tox run -e notebooks

test: .venv-tox/installed
	.venv-tox/bin/tox run-parallel --parallel 2 --parallel-no-spinner

clean:
	rm -rf .venv .venv-tox .tox demo demo.html build *.egg-info

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --editable '.[jax]'
	@touch $@

.venv-tox/installed:
	$(PYTHON) -m venv .venv-tox
	.venv-tox/bin/python -m pip install --quiet 'tox>=4.11'
	@touch $@
