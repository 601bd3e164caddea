"""The commands that each backend runs."""

import json
from pathlib import Path

import pytest

from backends_test.tests.command_line import Run


def test_train_ends_with_one_json_object(run_process: Run, reviews_folder: Path, tmp_path: Path, backend: str) -> None:
    out = tmp_path / "model"
    completed = run_process(
        "train", "--data", f"folder:{reviews_folder}", "--out", out, "--epochs", 3, "--seed", 7, "--json"
    )
    assert completed.status == 0, completed.said
    result = json.loads(completed.output)
    assert completed.output.count("\n") == 1
    assert result["backend"] == backend
    assert result["parameters"] == {"embedding": 160048, "simple_rnn": 200, "dense": 9}
    assert result["data"]["source"] == f"folder:{reviews_folder}"
    assert len(result["data"]["fingerprint"]) == 64
    assert result["recipe"]["seed"] == 7
    assert 1 <= result["best_epoch"] <= 3
    assert {"val_loss", "val_accuracy", "test_loss", "test_accuracy", "seconds"} <= set(result)
    assert "epoch 1  loss 0." in completed.said  # plain lines, as standard error is no terminal
    assert "\x1b" not in completed.said

    again = run_process("evaluate", out, "--data", f"folder:{reviews_folder}", "--split", "val", "--json")
    assert json.loads(again.output)["loss"] == pytest.approx(result["val_loss"], abs=1e-5)
    in_words = run_process("evaluate", out, "--data", f"folder:{reviews_folder}")
    assert in_words.output == (
        f"folder:{reviews_folder}, test: loss {result['test_loss']:.4f}, accuracy {result['test_accuracy']:.4f}\n"
    )


def test_summary_shows_layers_and_parameters(run_here: Run) -> None:
    assert json.loads(run_here("summary", "--json").output) == {"embedding": 160048, "simple_rnn": 200, "dense": 9}
    one_hot = run_here("summary", "--encoder", "one_hot", "--num-words", "500")
    assert "4,072" in one_hot.output
    assert "160,257" in run_here("summary").output


def test_an_unknown_backend_is_an_error_of_every_command_that_needs_one_and_says_what_to_type(
    run_process: Run, saved: Path, backend: str
) -> None:
    for arguments in (("train", "--data", "synthetic"), ("evaluate", saved, "--data", "synthetic"), ("summary",)):
        completed = run_process(*arguments, KERAS_BACKEND="theano")
        assert completed.status == 1
        assert completed.output == ""
        assert completed.said.count("\n") == 1, completed.said
        assert "Expected: one of jax, torch, tensorflow, or to predict only numpy, openvino. " in completed.said
        assert f"Received: 'theano'. Installed here: {backend}." in completed.said
