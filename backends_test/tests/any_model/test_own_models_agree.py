"""The tutorial's model, compared by this project's own plugin of pytest on the backends whose environments exist."""

from backends_test.pytest_plugin import AssertBackendsAgree


def test_the_tutorials_model_agrees(assert_backends_agree: AssertBackendsAgree) -> None:
    # No step of the optimizer: stock Keras has another one on TensorFlow, see docs/keras-findings.md.
    stages = ("build", "weights", "forward", "training", "layer alone", "loss", "gradients")
    assert_backends_agree("imdb_rnn:build_model", stages=stages)
