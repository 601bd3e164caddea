"""The chapters of the tutorial: executed under every backend, checked, and published as pages.

    KERAS_BACKEND=jax python -m backends_test.notebooks run .tox/notebooks
    KERAS_BACKEND=torch python -m backends_test.notebooks run .tox/notebooks
    KERAS_BACKEND=tensorflow python -m backends_test.notebooks run .tox/notebooks
    python -m backends_test.notebooks publish .tox/notebooks

A chapter is one file in `docs/tutorial/`, in the percent format of Jupytext. Its code is there once, its text in two
languages. `run` executes the chapters and checks them. `publish` writes the pages and pictures of the documentation
from the chapters that were executed on JAX. The notebooks for download are made when the documentation is built, by
`docs/tutorial/hook.py`.
"""
