"""Interrupted trainings, and work that goes on for long: what a test suite has no time for.

    KERAS_BACKEND=torch python -m backends_test.reliability moments .tox/reliability
    KERAS_BACKEND=torch python -m backends_test.reliability load .tox/reliability
    KERAS_BACKEND=torch python -m backends_test.reliability callbacks .tox/reliability
    python -m backends_test.reliability publish .tox/reliability

`moments` kills fifty trainings and resumes them, and goes on where it was interrupted itself. `load` uses a classifier
in eight threads, and watches the memory of a process that trains and predicts for long. `callbacks` times trainings
with callbacks. `publish` puts what all backends have left into `backends_test/results/reliability.json`, and into the
tables of `docs/reliability.md` and `docs/callbacks.md`.
"""
