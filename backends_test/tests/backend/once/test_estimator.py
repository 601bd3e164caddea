"""ReviewClassifier keeps scikit-learn's conventions, on texts, and is saved without pickle."""

import copy
import datetime
import json
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import SkipTestWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks
from sklearn.utils.validation import validate_data

from backends_test.environments import ROOT
from imdb_rnn import BundleError, ModelError, RecipeError, ReviewClassifier, ReviewError
from imdb_rnn.corpora.synthetic import make_texts
from imdb_rnn.estimator import ESTIMATOR_FILE
from imdb_rnn.inference.bundle import CONFIG_FILE, MANIFEST_FILE, MODEL_FILE, read_manifest, write
from imdb_rnn.training.class_weights import weights_of_classes

GOOD, BAD = ["good", "great", "lovely"], ["bad", "dull", "awful"]
SETTINGS: dict[str, Any] = {"epochs": 3, "max_len": 12, "num_words": 200}


def make(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Short texts that one word decides."""
    random = np.random.default_rng(seed)
    labels = ["loved" if i % 2 else "hated" for i in range(count)]
    fillers = ["the", "film", "was", "and", "cast", "story"]
    texts = []
    for label in labels:
        words = list(random.choice(fillers, 5))
        words.insert(int(random.integers(0, 6)), str(random.choice(GOOD if label == "loved" else BAD)))
        texts.append(" ".join(words))
    return texts, labels


@pytest.fixture(scope="module")
def fitted() -> ReviewClassifier:
    return ReviewClassifier(**SETTINGS).fit(*make(200))


def test_it_learns_two_labels_of_any_name(fitted: ReviewClassifier) -> None:
    texts, labels = make(100, seed=1)
    assert fitted.classes_.tolist() == ["hated", "loved"]
    assert fitted.score(texts, labels) >= 0.95
    proba = fitted.predict_proba(texts)
    assert proba.shape == (100, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert (fitted.classes_[proba.argmax(axis=1)] == fitted.predict(texts)).all()
    np.testing.assert_array_equal(proba[:, 1] > 0.5, fitted.decision_function(texts) > 0)


@pytest.mark.parametrize("names", [(0, 1), (-1, 1), (False, True), ("nein", "ja")])
def test_labels_come_back_as_they_were_given(names: tuple[Any, Any]) -> None:
    texts, labels = make(40)
    given = np.array([names[label == "loved"] for label in labels])
    classifier = ReviewClassifier(**SETTINGS | {"epochs": 1}).fit(texts, given)
    assert classifier.classes_.tolist() == sorted(names)
    assert classifier.predict(texts).dtype == given.dtype
    assert set(classifier.predict(texts)) <= set(names)


def test_its_words_are_those_of_its_texts_and_others_are_read_too(fitted: ReviewClassifier) -> None:
    assert set(fitted.vocabulary_.words) == {"the", "film", "was", "and", "cast", "story", *GOOD, *BAD}
    with pytest.warns(UserWarning, match="knows 0 of 2 words"):
        scores = fitted.predict_proba(["", "?!", "xyzzy qwrtp"])
    assert np.isfinite(scores).all()


def test_a_text_of_weight_zero_might_as_well_not_be_there() -> None:
    texts, labels = make(120)
    wrong = ["loved" if label == "hated" else "hated" for label in labels]
    weights = np.repeat([1.0, 0.0], 120)
    classifier = ReviewClassifier(**SETTINGS).fit(texts + texts, labels + wrong, sample_weight=weights)
    assert classifier.score(*make(100, seed=1)) >= 0.9


def test_weights_move_what_is_predicted() -> None:
    texts, labels = ["the film"] * 100, ["hated", "loved"] * 50
    share = {}
    for weight in (0.25, 4.0):
        weights = np.tile([1.0, weight], 50)
        classifier = ReviewClassifier(**SETTINGS).fit(texts, labels, sample_weight=weights)
        share[weight] = classifier.predict_proba(["the film"])[0, 1]
    assert share[0.25] < 0.4
    assert share[4.0] > 0.6


def test_a_seed_gives_the_same_estimator_again() -> None:
    texts, labels = make(60)
    first, again, other = (
        ReviewClassifier(**SETTINGS | {"epochs": 1}, seed=seed).fit(texts, labels).decision_function(texts)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_parameters_can_be_read_set_and_cloned(fitted: ReviewClassifier) -> None:
    copied = clone(fitted)
    assert copied.get_params() == fitted.get_params()
    assert not hasattr(copied, "classes_")
    assert copied.set_params(epochs=3).epochs == 3
    assert ReviewClassifier(recipe="tutorial", epochs=3)._recipe().windows is False


def test_it_ends_a_pipeline_and_can_be_searched_over_and_cross_validated() -> None:
    texts, labels = make(60)
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    pipeline = make_pipeline(lower, ReviewClassifier(**SETTINGS | {"epochs": 1}))
    assert len(cross_val_score(pipeline, texts, labels, cv=2)) == 2
    search = GridSearchCV(ReviewClassifier(**SETTINGS | {"epochs": 1}), {"batch_size": [16, 64]}, cv=2)
    search.fit(texts, labels)
    assert search.best_params_["batch_size"] in (16, 64)
    assert len(search.predict(texts)) == 60


def test_it_can_be_searched_over_numpys_numbers_and_class_weights() -> None:
    grid = {
        "epochs": np.arange(1, 3),
        "recipe": np.array(["tutorial"]),
        "validation_fraction": np.array([0.25]),
        "class_weight": [{"hated": 2.0}, "balanced"],
    }
    texts, labels = make(60)
    search = GridSearchCV(ReviewClassifier(**SETTINGS), grid, cv=2, n_jobs=1, error_score="raise").fit(texts, labels)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.n_iter_ == search.best_params_["epochs"]


def test_numpys_numbers_are_kept_as_given_and_saved_as_pythons(tmp_path: Path) -> None:
    plain = {"num_words": 200, "max_len": 12, "epochs": 1, "batch_size": 32, "patience": 1, "seed": 7}
    given: dict[str, Any] = {name: np.int32(value) for name, value in plain.items()}
    given |= {"validation_fraction": np.float32(0.25), "class_weight": {"loved": np.float64(2)}}
    classifier = ReviewClassifier(**given)
    assert all(getattr(classifier, name) is value for name, value in given.items())
    assert {name: type(clone(classifier).get_params()[name]) for name in given} == {
        name: type(value) for name, value in given.items()
    }
    texts, labels = make(60)
    classifier.fit(texts, labels).save(tmp_path / "mine")
    loaded = ReviewClassifier.load(tmp_path / "mine")
    assert loaded.get_params() == classifier.get_params()
    assert {name: type(loaded.get_params()[name]) for name in plain} == dict.fromkeys(plain, int)
    same = ReviewClassifier(**plain, validation_fraction=0.25, class_weight={"loved": 2}).fit(texts, labels)
    np.testing.assert_array_equal(loaded.decision_function(texts), same.decision_function(texts))
    loaded.save(tmp_path / "mine")  # the settings of a folder may not change


def test_parameters_that_load_would_refuse_are_not_saved(fitted: ReviewClassifier, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="Bad `epochs`"):
        copy.copy(fitted).set_params(epochs=np.float64(3)).save(tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def make_rare(count: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Texts of which one in ten is "rare", and whose words only hint at it."""
    random = np.random.default_rng(seed)
    labels = np.where(np.arange(count) % 10, "common", "rare")
    texts = []
    for label in labels:
        p = 0.7 if label == "rare" else 0.3
        words = random.choice([*GOOD, *BAD], 4, p=[*[p / 3] * 3, *[(1 - p) / 3] * 3])
        texts.append(" ".join(["the", "film", "was", *words]))
    return texts, labels


@pytest.mark.parametrize(("recipe", "epochs"), [("robust", 2), ("tutorial", 10)])
def test_a_rare_class_is_found_more_often_where_classes_are_balanced(recipe: str, epochs: int) -> None:
    texts, labels = make_rare(600, seed=0)
    unseen, truth = make_rare(600, seed=1)
    recall = {}
    for class_weight in (None, "balanced"):
        classifier = ReviewClassifier(recipe, max_len=12, epochs=epochs, class_weight=class_weight).fit(texts, labels)
        recall[class_weight] = np.mean(classifier.predict(unseen)[truth == "rare"] == "rare")
    assert recall["balanced"] > recall[None] + 0.3


def assert_same_training(ours: ReviewClassifier, theirs: ReviewClassifier) -> None:
    for one, other in zip(ours.classifier_.weights(), theirs.classifier_.weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert ours.history_ == theirs.history_  # the weighted loss of the texts set aside among it


@pytest.mark.parametrize("recipe", ["robust", "tutorial"])
def test_class_weights_are_multiplied_with_sample_weights(recipe: str) -> None:
    texts, labels = make_rare(100, seed=0)
    rare = labels == "rare"
    settings = {**SETTINGS, "recipe": recipe, "epochs": 1}
    plain = ReviewClassifier(**settings).fit(texts, labels)
    given = np.random.default_rng(0).uniform(0.5, 2, 100)
    totals = np.where(rare, given[rare].sum(), given[~rare].sum())
    for class_weight, sample_weight, product in (
        ({"rare": 2, "common": 1}, None, np.where(rare, 2, 1)),
        ("balanced", given, given * (given.sum() / (2 * totals))),
    ):
        ours = ReviewClassifier(**settings, class_weight=class_weight).fit(texts, labels, sample_weight)
        assert_same_training(ours, ReviewClassifier(**settings).fit(texts, labels, product))
        assert ours.history_ != plain.history_


def test_class_weights_that_say_nothing_change_nothing() -> None:
    texts, labels = make(60)
    plain = ReviewClassifier("tutorial", **SETTINGS).fit(texts, labels)
    for class_weight in ({}, {"hated": 1}, {"hated": 1, "loved": 1}, "balanced"):  # there are as many of either
        ours = ReviewClassifier("tutorial", **SETTINGS, class_weight=class_weight).fit(texts, labels)
        assert_same_training(ours, plain)


@pytest.mark.parametrize(
    "class_weight",
    [
        *(None, "balanced", {}, {0: 2}, {1: 2.5}, {0: 2, 1: 0}, {0: 2, 1: 1, 7: 3}, {0: 2, 7: 3}, {7: 3}),
        *({np.int64(0): np.float32(2)}, {0.0: 3}, {False: 2, True: 1}),
    ],
    ids=str,
)
def test_the_weights_of_classes_are_scikit_learns(class_weight: Any) -> None:
    y = np.array([0, 0, 1, 0])
    try:
        theirs = compute_class_weight(class_weight, classes=np.unique(y), y=y)
    except ValueError:
        with pytest.raises(RecipeError, match=r"Bad `class_weight`\. Expected: weights of the labels \[0, 1\]\. "):
            weights_of_classes(class_weight, np.unique(y), np.bincount(y))
    else:
        np.testing.assert_array_equal(weights_of_classes(class_weight, np.unique(y), np.bincount(y)), theirs)


def test_texts_that_are_set_aside_count_by_their_class_as_well() -> None:
    texts, labels = make(60)
    plain = ReviewClassifier("tutorial", **SETTINGS).fit(texts, labels)
    twice = ReviewClassifier("tutorial", **SETTINGS, class_weight={"hated": 2, "loved": 2}).fit(texts, labels)
    assert twice.history_["loss"] == plain.history_["loss"]
    np.testing.assert_allclose(twice.history_["val_loss"], 2 * np.array(plain.history_["val_loss"]), rtol=1e-6)


def test_labels_that_look_like_numbers_have_class_weights_as_the_texts_that_they_are() -> None:
    texts, labels = make(60)
    digits = np.where(np.array(labels) == "loved", "1", "0")
    ours = ReviewClassifier("tutorial", **SETTINGS, class_weight={"0": 3}).fit(texts, digits)
    assert_same_training(ours, ReviewClassifier("tutorial", **SETTINGS, class_weight={"hated": 3}).fit(texts, labels))


@pytest.mark.parametrize(
    "class_weight",
    [
        *("heavy", 2, True, [1, 2], np.ones(2), {"hated": -1}, {"hated": np.float64(-1)}, {"hated": "2"}),
        *({"hated": True}, {"hated": np.True_}, {"hated": None}, {"hated": np.nan}, {"hated": np.float32("inf")}),
        {"hated": 10**400},
    ],
    ids=lambda given: repr(given)[:30],
)
def test_a_class_weight_that_is_none_is_refused(class_weight: Any) -> None:
    with pytest.raises(
        RecipeError, match=r'Bad `class_weight`\. Expected: None, "balanced" or \{label: weight\} with '
    ):
        ReviewClassifier(**SETTINGS, class_weight=class_weight).fit(*make(20))


@pytest.mark.parametrize(
    ("class_weight", "sample_weight", "message"),
    [
        ({"adored": 2}, None, r"Expected: weights of the labels \['hated', 'loved'\]\. Received: .* \['adored'\]"),
        ({"hated": 0, "loved": 0}, None, r"Expected: products that are finite and not all 0\. .* sum 0\.0\."),
        ({"hated": 1e300}, [1e300, 1] * 10, r"Expected: products that are finite and not all 0\. .* sum inf\."),
        ("balanced", [1e308, 1e308] * 10, r"Expected: products that are finite"),
        ("balanced", [0, 1] * 10, r"Expected: a text of each class with .* Received: none of the class 'hated'\."),
    ],
)
def test_weights_that_nothing_can_be_learned_by_are_refused(
    class_weight: Any, sample_weight: Any, message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        ReviewClassifier(**SETTINGS, class_weight=class_weight).fit(*make(20), sample_weight)


@pytest.mark.parametrize(
    ("class_weight", "saved"),
    [
        *((None, None), ("balanced", "balanced"), ({}, []), ({"hated": 2}, [["hated", 2]])),
        ({"loved": 0.1, "hated": np.float32(0.1)}, [["loved", 0.1], ["hated", float(np.float32(0.1))]]),
        ({np.int64(1): np.int64(3), -1: 1}, [[1, 3], [-1, 1]]),
        ({np.False_: 2, True: 1}, [[False, 2], [True, 1]]),
        ({np.str_("hated"): 2}, [["hated", 2]]),
    ],
    ids=str,
)
def test_class_weights_come_back_from_a_folder_as_they_were(
    fitted: ReviewClassifier, tmp_path: Path, class_weight: Any, saved: Any
) -> None:
    classifier = copy.copy(fitted).set_params(class_weight=class_weight)
    classifier.save(tmp_path / "mine")
    content = json.loads((tmp_path / "mine" / ESTIMATOR_FILE).read_text(encoding="utf-8"))
    assert repr(content["params"]["class_weight"]) == repr(saved)
    loaded = ReviewClassifier.load(tmp_path / "mine")
    assert loaded.get_params() == classifier.get_params()
    loaded.save(tmp_path / "mine")


def test_class_weights_of_labels_that_json_cannot_hold_are_not_saved(fitted: ReviewClassifier, tmp_path: Path) -> None:
    classifier = copy.copy(fitted).set_params(class_weight={b"hated": 2})
    with pytest.raises(
        BundleError, match=r"Received: class weights of labels such as b'hated', which JSON cannot hold"
    ):
        classifier.save(tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_a_folder_from_before_class_weights_is_read(fitted: ReviewClassifier, tmp_path: Path) -> None:
    fitted.save(tmp_path / "mine")
    file = tmp_path / "mine" / ESTIMATOR_FILE
    content = json.loads(file.read_text(encoding="utf-8"))
    del content["params"]["class_weight"]
    file.write_text(json.dumps(content), encoding="utf-8")
    seal(tmp_path / "mine")
    assert ReviewClassifier.load(tmp_path / "mine").get_params() == fitted.get_params()


def test_it_stops_when_its_own_validation_texts_say_so() -> None:
    texts, _ = make(100)
    random = np.random.default_rng(0).permutation(["hated", "loved"] * 50)
    classifier = ReviewClassifier(**SETTINGS | {"epochs": 60}, patience=2).fit(texts, random)
    assert classifier.n_iter_ == len(classifier.history_["val_loss"]) < 60


def test_a_saved_folder_holds_no_pickle_and_predicts_the_same(fitted: ReviewClassifier, tmp_path: Path) -> None:
    fitted.save(tmp_path / "mine")
    assert {file.suffix for file in (tmp_path / "mine").iterdir()} == {".json", ".keras"}
    loaded = ReviewClassifier.load(tmp_path / "mine")
    texts, _ = make(50, seed=2)
    np.testing.assert_array_equal(loaded.decision_function(texts), fitted.decision_function(texts))
    np.testing.assert_array_equal(loaded.predict(texts), fitted.predict(texts))
    assert loaded.get_params() == fitted.get_params()
    assert loaded.history_ == fitted.history_
    assert keras.models.load_model(tmp_path / "mine" / MODEL_FILE).count_params() == (203 * 16) + 200 + 9
    loaded.save(tmp_path / "again")


def test_a_folder_that_holds_something_is_not_written_to(fitted: ReviewClassifier, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BundleError, match="one that is not empty"):
        fitted.save(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def seal(folder: Path) -> None:
    """Write the manifest again for the files that are there: whoever changes files on purpose can do that, too."""
    files = {file.name: file.read_bytes() for file in folder.iterdir() if file.name != MANIFEST_FILE}
    manifest = read_manifest(folder)
    (folder / MANIFEST_FILE).unlink()
    write(folder, manifest, files)


def test_a_changed_label_is_noticed(fitted: ReviewClassifier, tmp_path: Path) -> None:
    fitted.save(tmp_path / "mine")
    file = tmp_path / "mine" / ESTIMATOR_FILE
    file.write_text(file.read_text(encoding="utf-8").replace("hated", "loved", 1), encoding="utf-8")
    with pytest.raises(BundleError, match=r"estimator\.json\. Expected: the file that manifest\.json was saved with"):
        ReviewClassifier.load(tmp_path / "mine")


@pytest.mark.parametrize(
    "change",
    [
        *({"params": {"speed": 9}}, {"params": {"recipe": 7}}, {"params": {"epochs": "9"}}, {"params": []}),
        *({"params": {"validation_fraction": 2}}, {"params": {"seed": -1}}, {"params": {"num_words": 1e9}}),
        *({"classes": ["a", "b", "c"]}, {"classes": None}, {"classes": "ab"}, {"classes": [["a"], ["b"]]}),
        *({"classes": ["loved", "hated"]}, {"classes": ["loved", "loved"]}, {"classes": [1, 2]}),
        *({"dtype": "what"}, {"dtype": "U1000000000"}, {"dtype": "<U2"}, {"dtype": 7}, {"dtype": "S5"}),
        {"classes": [1, 10**30], "dtype": "int64"},
        *({"params": {"class_weight": nonsense}} for nonsense in (7, "heavy", {"hated": 1}, [["hated"]], ["hated"])),
        *({"params": {"class_weight": nonsense}} for nonsense in ([["a", 1], ["a", 2]], [[["a"], 1]], [[None, 1]])),
        *({"params": {"class_weight": [["a", weight]]}} for weight in (-1, "1", True, None, 10**400)),
    ],
    ids=str,
)
def test_damaged_settings_are_refused(fitted: ReviewClassifier, tmp_path: Path, change: dict[str, Any]) -> None:
    fitted.save(tmp_path / "mine")
    file = tmp_path / "mine" / ESTIMATOR_FILE
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | change), encoding="utf-8")
    seal(tmp_path / "mine")
    with pytest.raises(BundleError, match=r"Cannot read .*estimator\.json\. .*Received: ") as error:
        ReviewClassifier.load(tmp_path / "mine")
    assert str(error.value).count("Expected: ") == 1


def test_a_word_that_is_none_is_refused_in_one_sentence(fitted: ReviewClassifier, tmp_path: Path) -> None:
    fitted.save(tmp_path / "mine")
    file = tmp_path / "mine" / CONFIG_FILE
    content = json.loads(file.read_text(encoding="utf-8"))
    content["word_index"] = {f"{word}\n": rank for word, rank in content["word_index"].items()}
    file.write_text(json.dumps(content), encoding="utf-8")
    seal(tmp_path / "mine")
    with pytest.raises(
        BundleError, match=r"Cannot load .*`word_index` in .* Expected: distinct, non-empty words"
    ) as error:
        ReviewClassifier.load(tmp_path / "mine")
    assert str(error.value).count("Expected: ") == 1


@pytest.mark.parametrize(
    ("labels", "saved"),
    [
        (np.array(["b", "a"]), True),
        (np.array(["b", "a"], "<U40"), True),
        (np.array(["b", "a"], object), True),
        (np.array([True, False]), True),
        (np.array([3, -1], np.int8), True),
        (np.array([0, 2**63], np.uint64), True),
        (np.array([0.0, 1.0], np.float32), True),
        (np.array(["2026-01-02", "2026-01-01"], "datetime64[D]"), False),
        (np.array([b"b", b"a"]), False),
        (np.array([datetime.date(2026, 1, 2), datetime.date(2026, 1, 1)], object), False),
        (np.array([b"b", b"a"], object), False),
    ],
    ids=lambda value: f"{value.dtype}-{value[0]!r}" if isinstance(value, np.ndarray) else "",
)
def test_labels_come_back_from_a_folder_as_they_were_or_are_not_saved(
    fitted: ReviewClassifier, tmp_path: Path, labels: np.ndarray, saved: bool
) -> None:
    classifier = copy.copy(fitted)
    classifier.classes_ = np.unique(labels)
    if not saved:
        with pytest.raises(BundleError, match=r"Received: labels of .*, which JSON cannot hold: use texts or numbers"):
            classifier.save(tmp_path / "mine")
        assert not (tmp_path / "mine").exists()
        return
    classifier.save(tmp_path / "mine")
    loaded = ReviewClassifier.load(tmp_path / "mine")
    assert loaded.classes_.dtype == labels.dtype
    assert loaded.classes_.tolist() == classifier.classes_.tolist()
    assert [type(label) for label in loaded.predict(["good"])] == [
        type(label) for label in classifier.predict(["good"])
    ]


def test_an_estimator_is_saved_after_its_model_was_trained_on(fitted: ReviewClassifier, tmp_path: Path) -> None:
    classifier = copy.deepcopy(fitted)
    classifier.save(tmp_path / "mine")
    model = classifier.classifier_.model
    model.compile("sgd", "binary_crossentropy")
    model.fit(np.ones((8, 12), np.int32), np.ones((8, 1)), verbose=0)
    classifier.save(tmp_path / "mine")
    texts, _ = make(20, seed=3)
    loaded = ReviewClassifier.load(tmp_path / "mine")
    np.testing.assert_array_equal(loaded.decision_function(texts), classifier.decision_function(texts))
    assert (loaded.decision_function(texts) != fitted.decision_function(texts)).all()
    assert loaded.classifier_.manifest.val_loss is None
    assert loaded.history_ == fitted.history_
    with pytest.raises(BundleError, match=r"Received: one with another best-embedding-config\.json"):
        ReviewClassifier(**SETTINGS | {"epochs": 1}).fit(["good bad the"] * 40, ["a", "b"] * 20).save(tmp_path / "mine")


def test_weights_that_overflow_give_no_probabilities(fitted: ReviewClassifier) -> None:
    classifier = copy.deepcopy(fitted)
    classifier.classifier_.model.set_weights([np.full_like(array, 3e38) for array in fitted.classifier_.weights()])
    for predict in (classifier.predict, classifier.predict_proba, classifier.decision_function):
        with pytest.raises(ModelError, match="Expected: finite scores"):
            predict(["good"])


@pytest.mark.parametrize("fraction", [0, 1, 1.5, 20, "0.2", None, True, np.float64(1), np.nan, np.inf, np.array([0.2])])
def test_a_share_to_set_aside_that_is_none_is_refused(fraction: Any) -> None:
    with pytest.raises(RecipeError, match=r"Bad `validation_fraction`\. Expected: a number above 0 and below 1"):
        ReviewClassifier(validation_fraction=fraction).fit(*make(20))


def test_a_pickle_or_a_copy_holds_arrays_and_words_and_no_model(fitted: ReviewClassifier) -> None:
    texts, _ = make(50, seed=2)
    expected = fitted.decision_function(texts)
    fitted.classifier_.model  # noqa: B018 (from now on it holds a Keras model)
    for copied in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(copied.decision_function(texts), expected)
    content = pickle.dumps(fitted)
    assert b"keras.src" not in content
    assert b"Sequential" not in content


def test_an_unpickled_estimator_predicts_without_a_backend(fitted: ReviewClassifier, tmp_path: Path) -> None:
    (tmp_path / "pickle").write_bytes(pickle.dumps(fitted))
    program = (
        f"import pickle, sys; from pathlib import Path; found = pickle.loads(Path({str(tmp_path / 'pickle')!r})"
        ".read_bytes()); print(found.predict(['a good film'])[0], 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(fitted.predict(["a good film"])[0]), "False"]


@pytest.mark.parametrize(
    ("texts", "labels", "error", "message"),
    [
        ("good", ["a"], ReviewError, "Expected: a list of texts. Received: one text."),
        (7, ["a"], ReviewError, "Received: int."),
        ([], [], ReviewError, "Received: 0 samples."),
        (["good", None], ["a", "b"], ReviewError, "Bad text 2 of 2. Expected: a text (str). Received: None"),
        (np.zeros((3, 2)), [1, 2, 1], ReviewError, "Received: an array of the shape (3, 2)."),
        (["good", "bad"], ["a"], ValueError, "inconsistent numbers of samples"),
        (["good"] * 20, ["a"] * 20, ValueError, "Expected: two classes. Received: 1 class"),
        (["good"] * 30, ["a", "b", "c"] * 10, ValueError, "Only binary classification is supported."),
        (["?"] * 20, ["a", "b"] * 10, ReviewError, "Expected: texts with words."),
    ],
)
def test_what_cannot_be_learned_from_is_refused(texts: Any, labels: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        ReviewClassifier(**SETTINGS).fit(texts, labels)


def test_a_recipe_that_there_is_not_is_refused() -> None:
    with pytest.raises(RecipeError, match="Expected: one of robust, tutorial"):
        ReviewClassifier(recipe="secret").fit(*make(20))


class NumbersAsWords(ReviewClassifier):
    """Writes rows of numbers as texts, so that scikit-learn's checks, which know numbers only, can be run.

    A number becomes a word of its column and its value to the nearest tenth.
    """

    def __init__(self, epochs: int = 5, max_len: int = 12, seed: int = 42, class_weight: Any = None) -> None:
        super().__init__(epochs=epochs, max_len=max_len, seed=seed, class_weight=class_weight)
        for name in ("recipe", "num_words", "batch_size", "patience", "validation_fraction"):
            delattr(self, name)

    recipe, num_words, batch_size, patience, validation_fraction = "robust", 500, None, None, 0.2

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array = False, False, True
        return tags

    def texts_of(self, rows: Any, reset: bool) -> list[str]:
        rows = validate_data(self, rows, reset=reset)
        return [" ".join(f"c{i}v{round(2 * value)}" for i, value in enumerate(row)) for row in rows]

    def fit(self, rows: Any, y: Any, sample_weight: Any = None) -> "NumbersAsWords":
        if y is None:
            msg = "requires y to be passed, but the target y is None"
            raise ValueError(msg)
        return super().fit(self.texts_of(rows, reset=True), y, sample_weight)

    def _logits(self, rows: Any) -> Any:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        return super()._logits(self.texts_of(rows, reset=False))


# Checks of scikit-learn that this estimator does not pass, and why.
NOT_MEANT_FOR_TEXTS = {
    "check_sample_weight_equivalence_on_dense_data": "texts are drawn by weight, and set aside by their places: to "
    "repeat a text draws other windows than to weigh it double, and may set one of the two aside",
}


@parametrize_with_checks([NumbersAsWords()], expected_failed_checks=lambda estimator: NOT_MEANT_FOR_TEXTS)
def test_it_passes_the_checks_of_scikit_learn(estimator: NumbersAsWords, check: Any) -> None:
    check(estimator)


def test_it_passes_what_scikit_learn_checks_of_estimators_of_texts() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)  # it cannot make up texts for the others
        checks = list(estimator_checks_generator(ReviewClassifier()))
    assert checks
    for estimator, check in checks:
        check(estimator)


def test_the_example_learns_a_table_of_texts() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "own_texts.py"], capture_output=True, text=True, check=True
    )
    assert "300 texts to learn from, 100 to test on" in done.stdout
    accuracy = next(line for line in done.stdout.splitlines() if "accuracy" in line)
    assert float(accuracy.split()[1]) >= 0.75


def test_the_synthetic_reviews_can_be_learned_as_texts() -> None:
    train, test = make_texts(1_000, 300)
    classifier = ReviewClassifier().fit(train.texts, train.labels)
    # One label in ten is wrong on purpose.
    assert classifier.score(test.texts, test.labels) >= 0.75
