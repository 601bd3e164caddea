"""When a difference between two backends is one, and which backend is off."""

from pathlib import Path

import numpy as np
import pytest

from backends_test.any_model.arrays import ArrayFile, Tensor, largest_difference, write_arrays
from backends_test.any_model.verdicts import Observed, Verdict, farthest, judge, saver_or_loader

ONES = np.ones(3, np.float32)


def observed(values: object, noise: float = 1e-6, exact: object = None) -> Observed:
    array64 = None if exact is None else np.asarray(exact, np.float64)
    return Observed(np.asarray(values, np.float32), noise, array64, noise)


@pytest.mark.parametrize(
    ("difference", "verdict"), [(0.0, "equal"), (1e-6, "rounding"), (1.9e-5, "rounding"), (2.2e-5, "disagrees")]
)
def test_a_difference_beyond_twenty_times_the_noise_is_a_disagreement(difference: float, verdict: Verdict) -> None:
    assert judge(observed(ONES), observed(ONES + difference))[2] == verdict


def test_the_last_digits_of_a_tensor_without_noise_are_rounding() -> None:
    assert judge(observed(ONES, noise=0), observed(ONES + 1.2e-7, noise=0))[2] == "rounding"


def test_nothing_can_be_concluded_from_a_tensor_that_is_all_noise() -> None:
    assert judge(observed(ONES, noise=0.1), observed(ONES + 0.1, noise=0.1))[2] == "unstable"


def test_float64_decides_about_a_tensor_that_is_all_noise() -> None:
    one = Observed(ONES, 0.1, np.ones(3), 1e-9)
    other = Observed(ONES + 0.1, 0.1, np.ones(3), 1e-9)
    assert judge(one, other)[2] == "rounding"


def test_a_fault_smaller_than_rounding_shows_in_float64() -> None:
    one = Observed(ONES, 1e-4, np.ones(3), 1e-8)
    other = Observed(ONES + 1e-3, 1e-4, np.ones(3) + 1e-3, 1e-8)
    assert judge(one, other)[2] == "disagrees"


def test_a_difference_that_is_in_float64_only_does_not_concern_a_float32_model() -> None:
    one = Observed(ONES, 1e-6, np.ones(3), 1e-9)
    other = Observed(ONES, 1e-6, np.ones(3) + 1e-5, 1e-9)
    assert judge(one, other)[2] == "equal"


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_on_one_backend_only_is_a_disagreement(wrong: float) -> None:
    assert judge(observed([1, 2, 3]), observed([1, 2, wrong]))[2] == "disagrees"
    assert judge(observed([1, 2, wrong]), observed([1, 2, wrong]))[2] == "equal"


@pytest.mark.parametrize("masked", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_on_both_is_equal_in_float64_as_well(masked: float) -> None:
    one = observed([1, masked], exact=[1, masked])
    assert judge(one, one)[2] == "equal"
    assert judge(one, observed([1, 2], exact=[1, 2]))[2] == "disagrees"


def test_shapes_dtypes_and_whole_numbers_must_be_the_same() -> None:
    assert judge(observed([1, 2]), observed([[1, 2]]))[2] == "disagrees"
    assert judge(Observed(np.array(2), 0), Observed(np.array(3), 0))[2] == "disagrees"
    assert judge(Observed(np.array("float32"), 0), Observed(np.array("float16"), 0))[2] == "disagrees"
    assert judge(Observed(np.array([True]), 0), Observed(np.array([False]), 0))[2] == "disagrees"
    for other in (np.array([1.0]), np.array([True]), np.array([1], np.float16)):
        assert judge(Observed(np.array([1]), 0), Observed(other, 0))[2] == "disagrees"
    assert judge(observed([1]), Observed(np.array([1], np.float16), 1e-6))[2] == "disagrees"


def test_the_width_of_whole_numbers_need_not_be_the_same() -> None:
    assert judge(Observed(np.array([1], np.int32), 0), Observed(np.array([1], np.int64), 0))[2] == "equal"


def test_whole_numbers_that_rounding_moves_are_not_a_disagreement() -> None:
    assert judge(Observed(np.array([4, 7]), 1.0), Observed(np.array([5, 7]), 0.0))[2] == "rounding"


def test_the_backend_that_differs_from_the_two_others_is_off() -> None:
    backends = {"jax": observed(ONES), "torch": observed(ONES + 1), "tensorflow": observed(ONES)}
    assert farthest(backends) == "torch"
    exact = {
        "jax": observed(ONES, exact=ONES),
        "torch": observed(ONES + 1e-3, exact=ONES),
        "tensorflow": observed(ONES, exact=ONES),
    }
    assert farthest(exact) == "torch"


def test_of_two_backends_float64_says_which_is_off_if_they_agree_there() -> None:
    assert farthest({"jax": observed(ONES), "torch": observed(ONES + 1)}) == ""
    assert farthest({"jax": observed(ONES, exact=ONES), "torch": observed(ONES + 1, exact=ONES)}) == "torch"


def test_the_backend_with_another_shape_is_off() -> None:
    shapes = {"jax": observed([1]), "torch": observed([1]), "tensorflow": observed([1, 1])}
    assert farthest(shapes) == "tensorflow"


def test_the_backend_with_another_dtype_is_off() -> None:
    backends = {name: observed(ONES) for name in ("jax", "torch")} | {"tensorflow": Observed(np.ones(3, np.int32), 0)}
    assert farthest(backends) == "tensorflow"


@pytest.mark.parametrize(
    ("changed", "off"),
    [
        ([("jax", "torch"), ("jax", "tensorflow")], "jax"),
        ([("jax", "torch"), ("tensorflow", "torch")], "torch"),
        ([("jax", "torch"), ("tensorflow", "torch"), ("torch", "jax"), ("torch", "tensorflow")], "torch"),
        ([("jax", "torch")], "torch"),
        ([("jax", "torch"), ("torch", "tensorflow"), ("tensorflow", "jax")], ""),
    ],
)
def test_of_saved_models_the_backend_is_off_that_every_changed_one_has_passed(
    changed: list[tuple[str, str]], off: str
) -> None:
    assert saver_or_loader(changed) == off


def test_nobody_is_blamed_when_all_three_differ_alike() -> None:
    assert farthest({"jax": observed([0]), "torch": observed([1]), "tensorflow": observed([2])}) == ""


def test_arrays_come_back_from_their_file_by_layer_and_name(tmp_path: Path) -> None:
    arrays = {Tensor("dense", "output"): ONES, Tensor("", "a name / with | signs"): np.array("float32")}
    write_arrays(tmp_path / "stage.npz", arrays)
    file = ArrayFile(tmp_path / "stage.npz")
    assert list(file) == list(arrays)
    assert all(largest_difference(file[tensor], array) == 0 for tensor, array in arrays.items())
    assert not list(tmp_path.glob("*.part"))


def test_a_file_without_arrays_is_a_file(tmp_path: Path) -> None:
    write_arrays(tmp_path / "empty.npz", {})
    assert list(ArrayFile(tmp_path / "empty.npz")) == []
