"""Sharing a classifier on the Hugging Face hub: the real client against a stand-in that speaks the hub's HTTP."""

import html
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends_test.environments import ROOT
from backends_test.tests.command_line import PROGRAM, Ran, Run
from backends_test.tests.core.hub_server import OWNER, Hub
from imdb_rnn import BundleError, Classifier, Vocabulary, hub
from imdb_rnn.exporting.reference import reference_of
from imdb_rnn.inference.bundle import (
    CONFIG_FILE,
    FILES,
    HISTORY_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    read_manifest,
    write,
)
from imdb_rnn.inference.manifest import Manifest
from imdb_rnn.inference.model_card import PROBES, Agreement, escaped, model_card
from imdb_rnn.model.numpy_forward import logits_of, sigmoid
from imdb_rnn.samples import SAMPLES

with_client = pytest.mark.skipif(
    find_spec("huggingface_hub") is None, reason="huggingface_hub is not installed in this environment"
)
NAME = f"{OWNER}/film-reviews"
ADDRESS = f"hf://{NAME}"
NOBODY = "hf_unknown"
TEXT = "A good film, but nothing new."
FETCHED = {MODEL_FILE, CONFIG_FILE, MANIFEST_FILE}
FULL_DISK = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
"""
AGREEMENT = Agreement(1_000, 12_345, {"NumPy 2.4.6": 1.23e-7}, ["Keras on JAX", "Keras on PyTorch"])


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def scores(classifier: Classifier) -> list[float]:
    return [prediction.score for prediction in classifier.predict_reviews([text for text, _ in SAMPLES])]


@pytest.fixture
def stand_in() -> Iterator[Hub]:
    with Hub().running() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str | None]:
    """What a user's client is told: a home of its own, and the token of the owner."""
    unset = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")
    return {
        **dict.fromkeys((*unset, "DO_NOT_TRACK", "HF_HUB_DISABLE_PROGRESS_BARS", "KERAS_BACKEND")),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_TOKEN": "hf_ada",
        # The stand-in has no such storage.
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1,localhost",
    }


@pytest.fixture
def run(run_process: Run, stand_in: Hub, settings: dict[str, str | None]) -> Run:
    """Run `imdb-rnn` with the stand-in as its hub."""

    def run(*arguments: object, **environment: str | None) -> Ran:
        return run_process(*arguments, **{**settings, "HF_ENDPOINT": stand_in.address, **environment})

    return run


@pytest.fixture
def run_code(stand_in: Hub, settings: dict[str, str | None], tmp_path: Path) -> Callable[..., Ran]:
    """Run a program with the stand-in as its hub."""

    def run(code: str, *arguments: object, **environment: str | None) -> Ran:
        given = {**os.environ, **settings, "HF_ENDPOINT": stand_in.address, **environment}
        completed = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True,
            text=True,
            env={name: value for name, value in given.items() if value is not None},
            cwd=tmp_path,
            timeout=600,
            check=False,
        )
        return Ran(completed.returncode, completed.stdout, completed.stderr)

    return run


def score_of(ran: Ran) -> float:
    """The score of a successful `predict --json`, which said nothing else."""
    assert (ran.status, ran.said) == (0, "")
    return float(json.loads(ran.output)[0]["score"])


def assert_refused(ran: Ran, *parts: str) -> None:
    assert (ran.status, ran.output) == (1, "")
    assert ran.said.startswith("imdb-rnn: Cannot ")
    assert ran.said.count("\n") == 1, ran.said
    assert "Expected: " in ran.said
    for part in parts:
        assert part in ran.said


# --- There and back --------------------------------------------------------------------------------------------------


@with_client
@pytest.mark.parametrize("recipe", ["tutorial", "robust"])
def test_a_classifier_from_the_hub_is_the_one_that_was_uploaded(
    run: Run, run_code: Callable[..., Ran], stand_in: Hub, request: pytest.FixtureRequest, recipe: str
) -> None:
    folder, training = request.getfixturevalue("trained" if recipe == "tutorial" else "robust")
    ran = run("push", folder, NAME, "--json")
    assert (ran.status, ran.said) == (0, "")
    model = stand_in.models[NAME]
    assert json.loads(ran.output) == {
        "name": ADDRESS,
        "commit": f"{stand_in.address}/{NAME}/commit/{model.refs['main']}",
    }
    assert not model.private
    expected = reference_of(training.classifier)
    computed = sigmoid(logits_of(training.classifier.weights(), expected.x))
    measured = rows(model.files["README.md"].decode(), "Agreement between backends")[1:]
    assert measured[0] == [f"NumPy {np.__version__}", f"{np.abs(computed - expected.scores).max():.1e}"]
    assert ["Keras on TensorFlow", "not measured"] in measured
    # One commit creates the model, one has all files.
    assert [sorted(files) for _, files in model.commits] == [
        [".gitattributes"],
        sorted([".gitattributes", "README.md", *contents(folder)]),
    ]
    assert {file: model.files[file] for file in contents(folder)} == contents(folder)

    program = """
import sys
from imdb_rnn import Classifier
from imdb_rnn.inference.classifier import digest_of
from imdb_rnn.samples import SAMPLES
classifier = Classifier.load(sys.argv[1])
print(digest_of(classifier.weights()), classifier.vocabulary.fingerprint, classifier.manifest == Classifier.load(
    sys.argv[2]).manifest, [one.score for one in classifier.predict_reviews([text for text, _ in SAMPLES])])
"""
    there, here = run_code(program, ADDRESS, folder), run_code(program, folder, folder)
    assert (there.status, there.said) == (0, "")
    assert there.output == here.output
    assert " True " in there.output
    assert str(scores(training.classifier)) in there.output
    assert stand_in.downloaded() <= FETCHED


@with_client
def test_a_second_upload_without_a_change_makes_no_commit(run: Run, stand_in: Hub, saved: Path) -> None:
    first, second = run("push", saved, NAME, "--json"), run("push", saved, ADDRESS, "--json")
    assert (second.status, second.said) == (0, "")
    assert first.output == second.output
    assert len(stand_in.models[NAME].commits) == 2


@with_client
def test_an_upload_from_another_folder_keeps_the_other_files_of_the_model(
    run: Run, stand_in: Hub, saved: Path, robust: tuple[Path, Any]
) -> None:
    assert run("push", saved, NAME).status == 0
    model = stand_in.models[NAME]
    model.commit({"notes.txt": b"mine"})
    assert run("push", robust[0], NAME).status == 0
    assert len(model.commits) == 4
    assert model.files["notes.txt"] == b"mine"
    assert {file: model.files[file] for file in contents(robust[0])} == contents(robust[0])


@with_client
def test_other_files_of_the_folder_are_not_uploaded(run: Run, stand_in: Hub, bundle: Path) -> None:
    (bundle / "reviews.csv").write_text("private", encoding="utf-8")
    (bundle / ".env").write_text("private", encoding="utf-8")
    assert run("push", bundle, NAME).status == 0
    assert {*stand_in.models[NAME].files} - {".gitattributes", "README.md"} <= FILES
    assert b"private" not in b"".join(stand_in.models[NAME].files.values())


@with_client
def test_a_folder_of_the_tutorials_own_program_is_shared_as_well(run: Run, stand_in: Hub, bundle: Path) -> None:
    config = json.loads((bundle / CONFIG_FILE).read_text(encoding="utf-8"))
    del config["imdb_rnn"]
    (bundle / CONFIG_FILE).write_text(json.dumps(config), encoding="utf-8")
    for name in {*contents(bundle)} - {CONFIG_FILE, MODEL_FILE}:
        (bundle / name).unlink()
    here = score_of(run("predict", bundle, TEXT, "--json"))
    assert run("push", bundle, NAME).status == 0
    assert score_of(run("predict", ADDRESS, TEXT, "--json")) == here
    assert b"| backend | unknown |" in stand_in.models[NAME].files["README.md"]


@with_client
def test_a_commit_stays_what_it_was_and_is_asked_for_once(
    run: Run, stand_in: Hub, saved: Path, robust: tuple[Path, Any]
) -> None:
    commit = stand_in.add(NAME, contents(saved)).refs["main"]
    stand_in.models[NAME].commit(contents(robust[0]), "next")
    old, new = (score_of(run("predict", folder, TEXT, "--json")) for folder in (saved, robust[0]))
    assert old != new
    assert score_of(run("predict", f"{ADDRESS}@{commit}", TEXT, "--json")) == old
    assert score_of(run("predict", f"{ADDRESS}@next", TEXT, "--json")) == new
    stand_in.models[NAME].commit(contents(robust[0]))
    assert score_of(run("predict", ADDRESS, TEXT, "--json")) == new
    stand_in.asked.clear()
    assert score_of(run("predict", f"{ADDRESS}@{commit}", TEXT, "--json")) == old
    assert stand_in.asked == []


@with_client
def test_a_private_model_is_for_its_owner(run: Run, stand_in: Hub, saved: Path) -> None:
    assert run("push", saved, NAME, "--private").status == 0
    assert stand_in.models[NAME].private
    assert run("push", saved, NAME, "--private").status == 0
    score_of(run("predict", ADDRESS, TEXT, "--json"))
    for token in ("hf_bob", None):
        refused = run("predict", ADDRESS, TEXT, HF_TOKEN=token, HF_HOME=f"hf-of-{token}")
        assert_refused(refused, "no such model, or one that is private. Log in with `hf auth login`, or set HF_TOKEN.")


# --- What is fetched -------------------------------------------------------------------------------------------------


@with_client
def test_only_what_is_loaded_is_fetched(run: Run, stand_in: Hub, saved: Path, tmp_path: Path) -> None:
    strange = {"model.pkl": b"\x80\x04 a pickle", "modeling.py": b"print('run')", f"sub/{MODEL_FILE}": b"\0 other"}
    stand_in.add(NAME, {**contents(saved), **strange, "setup.cfg": b"[metadata]"})
    score_of(run("predict", ADDRESS, TEXT, "--json"))
    assert {line.partition("/resolve/")[2].partition("/")[2] for line in stand_in.asked if "/resolve/" in line} == (
        FETCHED
    )
    stored = {file.read_bytes() for file in (tmp_path / "hf").rglob("*") if file.is_file()}
    assert (saved / MODEL_FILE).read_bytes() in stored
    assert not stored & {*strange.values()}


@with_client
@pytest.mark.parametrize("file", sorted(FETCHED))
def test_a_file_that_was_changed_on_the_hub_is_refused(run: Run, stand_in: Hub, saved: Path, file: str) -> None:
    files = contents(saved)
    files[file] = files[file].replace(b"embedding", b"embeddinG") if file != MODEL_FILE else files[file] + b"\0"
    if file == CONFIG_FILE:
        files[file] += b" "
    assert files[file] != contents(saved)[file]
    stand_in.add(NAME, files)
    assert_refused(run("predict", ADDRESS, TEXT), f"{file}. Expected: ")


@with_client
def test_another_kind_of_model_is_not_fetched(run: Run, stand_in: Hub) -> None:
    stand_in.add(NAME, {"config.json": b"{}", "pytorch_model.bin": b"\0 weights", MANIFEST_FILE: b"{}"})
    assert_refused(
        run("predict", ADDRESS, TEXT),
        f"Cannot load {ADDRESS}. ",
        f"Received: one without {MODEL_FILE} and {CONFIG_FILE}.",
    )
    assert stand_in.downloaded() == set()


@with_client
def test_a_file_that_would_fill_the_disk_is_not_fetched(run: Run, stand_in: Hub, saved: Path) -> None:
    stand_in.add(NAME, {**contents(saved), MODEL_FILE: b"\0" * (hub.MAX_BYTES + 1)})
    assert_refused(run("predict", ADDRESS, TEXT), f"Received: one whose {MODEL_FILE} has 50,000,001 bytes.")
    assert stand_in.downloaded() == set()


@with_client
@pytest.mark.skipif(os.name == "nt", reason="the cache has no links on Windows")
def test_a_link_in_the_cache_that_leads_out_of_it_is_not_followed(
    run: Run, stand_in: Hub, saved: Path, tmp_path: Path
) -> None:
    stand_in.add(NAME, contents(saved))
    score_of(run("predict", ADDRESS, TEXT, "--json"))
    [link] = (tmp_path / "hf").rglob(f"snapshots/*/{CONFIG_FILE}")
    assert link.is_symlink()
    link.unlink()
    link.symlink_to(saved / CONFIG_FILE)
    assert_refused(run("predict", ADDRESS, TEXT), f"Received: {CONFIG_FILE}, a link to another place.")


# --- Failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "",
        "film-reviews",
        "ada/film/reviews",
        "ada/",
        "/ada",
        "ada/..",
        "../reviews",
        "ada/film--reviews",
        "ada/film reviews",
        "ada/reviews.git",
        f"ada/{'a' * 97}",
        "ada/films@",
        "ada/films@../../../main",
        "ada/films@refs/../../x",
        "ada/films@/etc",
        "ada/films@.hidden",
        "ada/films@refs/.hidden",
        "ada/films@v1..v2",
        "ada/films@v1.lock",
        "ada/films@a b",
        "ada/films@main\n",
        "ada/filmé",
        "ada/fi\x1b[31mlms",
    ],
)
def test_a_name_that_is_none_is_refused_before_anything_is_imported(name: str) -> None:
    with pytest.raises(BundleError, match=r"Expected: OWNER/MODEL or OWNER/MODEL@REVISION\. Received: ") as refused:
        hub.download(name, [MODEL_FILE])
    assert str(refused.value).isprintable()
    with pytest.raises(BundleError, match=r"^Cannot push to hf://"):
        hub.check_name(name)


def test_a_model_is_uploaded_to_no_revision() -> None:
    hub.check_name(NAME)
    with pytest.raises(BundleError, match=r"Expected: OWNER/MODEL\. Received: a revision, too\."):
        hub.check_name(f"{NAME}@main")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("hf://ada/films", "ada/films"),
        (Path("hf://ada/films@v1"), "ada/films@v1"),
        ("hf://", ""),
        ("ada/films", None),
        (Path("ada/films"), None),
        ("./hf://ada/films", None),
        (Path("/hf:/ada/films"), None),
    ],
)
def test_a_name_of_the_hub_is_told_from_a_folder(given: str | Path, name: str | None) -> None:
    assert hub.name_in(given) == name


@with_client
def test_without_a_network_the_copy_in_the_cache_is_used_and_a_line_says_so(
    run: Run, run_process: Run, settings: dict[str, str | None], saved: Path
) -> None:
    stand_in = Hub()
    with stand_in.running():
        commit = stand_in.add(NAME, contents(saved)).refs["main"]
        here = {**settings, "HF_ENDPOINT": stand_in.address}
        score = score_of(run_process("predict", ADDRESS, TEXT, "--json", **here))
    away = run_process("predict", ADDRESS, TEXT, "--json", **here)
    assert (away.status, json.loads(away.output)[0]["score"]) == (0, score)
    assert away.said.startswith(f"imdb-rnn: {ADDRESS} is read from the cache, commit {commit[:7]}, because ")
    assert away.said.count("\n") == 1
    # Who has asked for it needs no line.
    assert score_of(run_process("predict", ADDRESS, TEXT, "--json", **here | {"HF_HUB_OFFLINE": "1"})) == score
    assert score_of(run_process("predict", f"{ADDRESS}@{commit}", TEXT, "--json", **here)) == score
    for variables in ({}, {"HF_HUB_OFFLINE": "1"}):
        empty = run_process("predict", ADDRESS, TEXT, **{**here, "HF_HOME": "empty", **variables})
        assert_refused(empty, f"Cannot load {ADDRESS}. ", ", and no complete copy in the cache.")
    refused = run_process("push", saved, NAME, **here)
    assert_refused(refused, f"Cannot push to {ADDRESS}. ")
    # The hub answers again, and has a new commit.
    with stand_in.running():
        stand_in.models[NAME].commit({"README.md": b"new"})
        assert score_of(run_process("predict", ADDRESS, TEXT, "--json", **here)) == score


@with_client
def test_a_hub_that_is_out_of_order_is_one_that_does_not_answer(run: Run, stand_in: Hub, saved: Path) -> None:
    stand_in.add(NAME, contents(saved))
    score = score_of(run("predict", ADDRESS, TEXT, "--json"))
    stand_in.answer = 503
    away = run("predict", ADDRESS, TEXT, "--json")
    assert (away.status, json.loads(away.output)[0]["score"]) == (0, score)
    assert "because the hub does not answer: the answer 503" in away.said
    assert_refused(run("predict", ADDRESS, TEXT, HF_HOME="empty"), "the answer 503, Asked to fail, and no complete")


@with_client
@pytest.mark.parametrize(
    ("address", "environment", "change", "message"),
    [
        (f"hf://{OWNER}/none", {}, {}, "no such model, or one that is private. Log in with `hf auth login`"),
        (f"hf://{OWNER}/none", {"HF_TOKEN": None}, {}, "no such model, or one that is private. Log in with"),
        (f"{ADDRESS}@none", {}, {}, f"Cannot load {ADDRESS}@none. Expected: "),
        (f"{ADDRESS}@none", {}, {}, "Received: no such revision."),
        (f"{ADDRESS}@{'0' * 40}", {}, {}, "Received: no such revision."),
        (ADDRESS, {"HF_TOKEN": NOBODY}, {}, "The token is not valid. Log in with `hf auth login`"),
        (ADDRESS, {}, {"answer": 403}, "the answer 403, Asked to fail. The token does not permit it."),
        (ADDRESS, {}, {"answer": 400}, "the answer 400, Asked to fail."),
        (ADDRESS, {}, {"page": True}, "Received: JSONDecodeError: Expecting value: line 1 column 1"),
        (ADDRESS, {"HF_ENDPOINT": "ftp://hub"}, {}, f"Cannot load {ADDRESS}. "),
    ],
)
def test_what_the_hub_refuses_is_told_in_one_line(
    run: Run,
    stand_in: Hub,
    saved: Path,
    address: str,
    environment: dict[str, str | None],
    change: dict[str, Any],
    message: str,
) -> None:
    stand_in.add(NAME, contents(saved))
    for name, value in change.items():
        setattr(stand_in, name, value)
    assert_refused(run("predict", address, TEXT, **environment), message)


@with_client
@pytest.mark.parametrize("token", ["hf_bob", None])
def test_a_gated_model_is_for_those_who_were_let_in(run: Run, stand_in: Hub, saved: Path, token: str | None) -> None:
    stand_in.add(NAME, contents(saved), gated=True)
    refused = run("predict", ADDRESS, TEXT, HF_TOKEN=token)
    assert_refused(refused, "Received: one that its owner gives access to. Ask for it on the page of the model. Log in")
    score_of(run("predict", ADDRESS, TEXT, "--json"))


@with_client
def test_a_download_that_stops_goes_on(run: Run, stand_in: Hub, saved: Path) -> None:
    stand_in.add(NAME, contents(saved))
    stand_in.stops[MODEL_FILE] = 1
    assert score_of(run("predict", ADDRESS, TEXT, "--json")) == score_of(run("predict", saved, TEXT, "--json"))
    assert stand_in.stops[MODEL_FILE] == 0


@with_client
def test_a_download_that_stops_always_is_told_and_can_be_repeated(run: Run, stand_in: Hub, saved: Path) -> None:
    stand_in.add(NAME, contents(saved))
    stand_in.stops[MODEL_FILE] = 1_000
    assert_refused(run("predict", ADDRESS, TEXT), f"Cannot load {ADDRESS}. Expected: ")
    assert stand_in.stops[MODEL_FILE] < 1_000
    stand_in.stops[MODEL_FILE] = 0
    assert score_of(run("predict", ADDRESS, TEXT, "--json")) == score_of(run("predict", saved, TEXT, "--json"))


@with_client
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_download_whose_process_is_killed_leaves_nothing_that_is_taken_for_a_model(
    run: Run, stand_in: Hub, settings: dict[str, str | None], saved: Path, tmp_path: Path
) -> None:
    stand_in.add(NAME, contents(saved))
    stand_in.waits = MODEL_FILE
    given = {**os.environ, **settings, "HF_ENDPOINT": stand_in.address}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "predict", ADDRESS, TEXT],
        env={name: value for name, value in given.items() if value is not None},
        cwd=tmp_path,
    )
    assert stand_in.halfway.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    stand_in.go.set()
    stand_in.waits = None
    assert_refused(run("predict", ADDRESS, TEXT, HF_HUB_OFFLINE="1"), "no complete copy in the cache")
    assert score_of(run("predict", ADDRESS, TEXT, "--json")) == score_of(run("predict", saved, TEXT, "--json"))


@with_client
@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit for the size of a file")
def test_a_full_disk_is_told_in_one_line(run_code: Callable[..., Ran], stand_in: Hub, saved: Path) -> None:
    stand_in.add(NAME, contents(saved))
    ran = run_code(FULL_DISK + PROGRAM, "predict", ADDRESS, TEXT)
    assert_refused(ran, f"Cannot load {ADDRESS}. ", "[Errno 27] File too large")


@with_client
def test_an_upload_that_is_not_permitted_changes_nothing(run: Run, stand_in: Hub, saved: Path, bundle: Path) -> None:
    stand_in.add("bob/films", {"README.md": b"his"})
    stand_in.add("ada/public", {"README.md": b"hers"})
    refused = run("push", saved, NAME, HF_TOKEN=None)
    assert_refused(refused, "Received: no token. Log in with `hf auth login`, or set HF_TOKEN.")
    assert stand_in.asked == []
    assert_refused(run("push", saved, NAME, HF_TOKEN=NOBODY), "The token is not valid.")
    assert_refused(run("push", saved, "bob/films"), "the answer 403", "The token does not permit it.")
    assert_refused(run("push", saved, "bob/others"), "the answer 403", "The token does not permit it.")
    private = run("push", saved, "ada/public", "--private")
    assert_refused(private, "Expected: a new or a private model. Received: one that exists already and is public.")
    assert_refused(run("push", saved, "ada"), "Cannot push to hf://ada. Expected: OWNER/MODEL")
    assert_refused(run("push", ADDRESS, NAME), "Cannot load hf://ada/film-reviews. ")
    (bundle / HISTORY_FILE).write_bytes(b"{}")
    assert_refused(run("push", bundle, NAME), f"{HISTORY_FILE}. Expected: the file that {MANIFEST_FILE} was saved with")
    assert {name: len(model.commits) for name, model in stand_in.models.items()} == {"bob/films": 1, "ada/public": 1}


@with_client
@pytest.mark.skipif(os.name == "nt", reason="links need a permission on Windows")
def test_a_link_to_a_file_of_the_users_is_not_uploaded(run: Run, stand_in: Hub, bundle: Path, tmp_path: Path) -> None:
    secret = tmp_path / "id_rsa"
    secret.write_text("secret", encoding="utf-8")
    (bundle / "history.png").unlink()
    (bundle / "history.png").symlink_to(secret)
    assert_refused(run("push", bundle, NAME), "Received: history.png, a link to another place.")
    assert stand_in.models == {}


@with_client
def test_a_training_that_was_interrupted_is_uploaded_only_if_that_is_asked_for(
    run: Run, stand_in: Hub, bundle: Path
) -> None:
    write(bundle, replace(read_manifest(bundle), complete=False), {})
    (bundle / "training-state.npz").write_bytes(b"state")
    assert_refused(run("push", bundle, NAME), "Expected: a complete training. Received: one that was interrupted")
    assert stand_in.models == {}
    assert run("push", bundle, NAME, "--interrupted").status == 0
    assert "training-state.npz" not in stand_in.models[NAME].files
    assert b"**The training was interrupted:" in stand_in.models[NAME].files["README.md"]
    ran = run("predict", ADDRESS, TEXT)
    assert ran.status == 0
    assert f"The training in {ADDRESS} was interrupted" in ran.said


# --- The client ------------------------------------------------------------------------------------------------------


def test_the_client_is_imported_only_for_a_name_of_the_hub(run_code: Callable[..., Ran], saved: Path) -> None:
    program = """
import sys, imdb_rnn, imdb_rnn.hub, imdb_rnn.inference.model_card
imdb_rnn.Classifier.load(sys.argv[1])
assert imdb_rnn.hub in sys.modules.values()
print({"huggingface_hub", "httpx", "httpx2", "requests"} & {*sys.modules})
"""
    assert run_code(program, saved).output == "set()\n"


@with_client
def test_that_the_client_was_imported_would_be_seen(run_code: Callable[..., Ran]) -> None:
    code = "import sys, huggingface_hub.hf_api; print({'huggingface_hub'} & {*sys.modules})"
    assert run_code(code).output == "{'huggingface_hub'}\n"


@pytest.mark.parametrize("call", ["download('ada/films', ['manifest.json'])", "check_token('ada/films')"])
def test_a_client_that_is_not_installed_is_named_with_its_extra(run_code: Callable[..., Ran], call: str) -> None:
    program = f"""
import sys
sys.modules["huggingface_hub"] = None
from imdb_rnn import MissingPackageError, hub
try:
    hub.{call}
except MissingPackageError as error:
    print(error)
"""
    ran = run_code(program)
    assert (ran.status, ran.said) == (0, "")
    assert ran.output.startswith(
        "Cannot import huggingface_hub. Expected: the packages of the extra `hub` of imdb_rnn."
    )
    assert ran.output.endswith('Run: pip install "imdb_rnn[hub]"\n')


@with_client
def test_the_hub_is_told_nothing_of_what_is_installed_and_nothing_of_the_users_is_changed(
    run_code: Callable[..., Ran], stand_in: Hub, saved: Path
) -> None:
    program = """
import os, sys
from pathlib import Path
from huggingface_hub import constants
from huggingface_hub.utils import are_progress_bars_disabled, logging
from imdb_rnn import Classifier, hub
def settings():
    return constants.HF_HUB_DISABLE_TELEMETRY, are_progress_bars_disabled(), logging.get_verbosity(), dict(os.environ)
before = settings()
hub.upload(Path(sys.argv[1]), ["manifest.json"], "ada/other", "---\\nlanguage: en\\n---\\n")
Classifier.load(sys.argv[2])
assert settings() == before
assert before[:2] == (False, False)
"""
    stand_in.add(NAME, contents(saved))
    ran = run_code(program, saved, ADDRESS, AI_AGENT="someone")
    assert (ran.status, ran.output, ran.said) == (0, "", "")
    told = [agent for agent in stand_in.agents if "hf_hub" in agent]
    assert len(told) == 1
    assert re.fullmatch(r"unknown/None; hf_hub/[\d.]+; python/[\d.]+", told[0])
    assert not [line for line in stand_in.asked if "harness" in line or "telemetry" in line]


# --- The model card --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def classifier(robust: tuple[Path, Any]) -> Classifier:
    return robust[1].classifier


def described(classifier: Classifier, manifest: Manifest) -> Classifier:
    return Classifier(
        classifier.vocabulary, classifier.preprocessing, manifest, weights=classifier.weights(), words=None
    )


def front(card: str) -> Any:
    """The settings at the beginning of a card."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed; it comes with huggingface_hub")
    before, head, _ = card.split("---\n", 2)
    assert before == ""
    return yaml.safe_load(head)


def rows(card: str, title: str) -> list[list[str]]:
    """The cells of all tables of a section."""
    section = card.split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|") and not re.fullmatch(r"\|( -+:? \|)+", line)]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_card_has_the_results_of_the_manifest(classifier: Classifier) -> None:
    card, manifest = model_card(classifier, NAME, AGREEMENT), classifier.manifest
    settings = front(card)
    assert set(settings) == {"language", "library_name", "pipeline_tag", "tags", "model-index"}
    [result] = settings["model-index"][0]["results"]
    assert settings["model-index"][0]["name"] == NAME
    assert result["metrics"] == [{"type": "accuracy", "value": round(float(manifest.test_accuracy or 0), 4)}]
    assert result["dataset"] == {"type": "synthetic", "name": "Synthetic reviews of imdb_rnn", "split": "test"}
    assert ["validation", f"{manifest.val_loss:.4f}", f"{manifest.val_accuracy:.4f}"] in rows(card, "Scores")
    assert ["test", f"{manifest.test_loss:.4f}", f"{manifest.test_accuracy:.4f}"] in rows(card, "Scores")
    assert f"divided by a temperature of {manifest.temperature:.4f}" in card
    assert rows(card, "Model")[1:] == [
        ["Embedding", "100 ids → 16 each", "32,048"],
        ["SimpleRNN", "→ 8", "200"],
        ["Dense", "→ 1", "9"],
        ["all", "", "32,257"],
    ]
    training = dict(rows(card, "Training")[1:])
    assert training["backend"] == manifest.backend
    assert training["version of keras"] == manifest.versions["keras"]
    assert training["recipe\\: seed"] == str(manifest.recipe["seed"])
    assert training["epochs"] == str(manifest.epochs)
    assert ["NumPy 2.4.6", "1.2e-07"] in rows(card, "Agreement between backends")
    assert ["Keras on PyTorch", "not measured"] in rows(card, "Agreement between backends")
    assert "1,000 drawn reviews (12,345 rows" in card
    assert "interrupted" not in card
    assert "trained further" not in card


def test_the_card_shows_the_answers_of_the_model_and_marks_the_wrong_ones(classifier: Classifier) -> None:
    card = model_card(classifier, NAME, AGREEMENT)
    wanted = []
    for text, expected in [*SAMPLES, *((text, expected) for _, text, expected in PROBES)]:
        prediction = classifier.predict_review(text)
        wrong = "" if prediction.label == expected else "**wrong**"
        wanted.append((text, expected, prediction.label, f"{prediction.score:.1%}", wrong))
    found = rows(card, "What it gets wrong")
    samples = [tuple(row) for row in found if len(row) == 5][1:]
    probes = [(*row[1:5], row[6]) for row in found if len(row) == 7][1:]
    assert [*samples, *probes] == wanted
    assert {row[-1] for row in wanted} == {"", "**wrong**"}
    right = sum(not row[-1] for row in wanted[: len(SAMPLES)])
    assert f"{right} of 10 as expected" in card
    negations = sum(not row[-1] for row in wanted[len(SAMPLES) : len(SAMPLES) + 4])
    assert f"- negation: {negations} of 4 as expected" in card


def test_what_is_not_known_is_not_made_up(classifier: Classifier) -> None:
    card = model_card(described(classifier, Manifest()), NAME, AGREEMENT)
    assert "model-index" not in front(card)
    assert {row[1] for row in rows(card, "Training")[1:]} == {"unknown"}
    assert [row[1:] for row in rows(card, "Scores")[1:]] == [["unknown", "unknown"]] * 2
    assert "No temperature is recorded" in card
    further = replace(classifier.manifest.without_results(), trained_further=True)
    card = model_card(described(classifier, further), NAME, AGREEMENT)
    assert "**The model was trained further" in card
    assert "model-index" not in front(card)


def test_a_text_without_a_known_word_has_no_answer(classifier: Classifier) -> None:
    few = Classifier(
        Vocabulary(["film", "zzz"]), classifier.preprocessing, Manifest(), weights=classifier.weights(), words=None
    )
    found = rows(model_card(few, NAME, AGREEMENT), "What it gets wrong")
    assert ["I was not bored for a single moment.", "positive", "none", "", "**wrong**"] in found


HOSTILE = [
    "---\nlicense: apache-2.0\n---\n# Title",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](https://evil.example)",
    "![](https://evil.example/track.png)",
    "https://evil.example/x",
    "www.evil.example",
    "evil.example",
    "mail@evil.example",
    "a | b | c",
    "`code` **bold** _it_ ~~no~~ $x$",
    "| --- |\n| x |",
    "&lt;b&gt; &#60;b&#62;",
    "\x1b[31mred\u202etxt",
    "\\[a](b)",
    "x" * 100_000,
    "{{ 7 * 7 }}{% for %}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_manifest_can_do_more_than_be_shown(classifier: Classifier, text: str) -> None:
    manifest = Manifest(
        complete=True,
        backend=text,
        device=text,
        processor=text,
        versions={text: text},
        source=text,
        fingerprint=text,
        recipe={text: text, "seed": 10**6_000, "nested": {text: [text]}},
        epochs=10**400,
        best_epoch=-1,
        val_loss=1e300,
        val_accuracy=-5,
        temperature=10**400,
        test_loss=0.5,
        test_accuracy=0.75,
        seconds={"training": 10**400},
    )
    harmless = replace(
        manifest,
        **dict.fromkeys(("backend", "device", "processor", "source", "fingerprint"), "plain"),
        versions={"plain": "plain"},
        recipe={"plain": "plain", "seed": 10**6_000, "nested": {}},
    )
    card, plain = (model_card(described(classifier, one), NAME, AGREEMENT) for one in (manifest, harmless))
    assert card.count("\n") == plain.count("\n")
    assert len(card) < len(plain) + 20_000
    assert front(card) == front(plain)
    assert [len(row) for row in rows(card, "Training")] == [len(row) for row in rows(plain, "Training")]
    markdown = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed; it comes with rich")
    parser = markdown.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    page, wanted = (parser.render(one.split("---\n", 2)[2]) for one in (card, plain))
    tags = re.compile(r"<[^>]*>")
    assert tags.findall(page) == tags.findall(wanted)
    shown = re.findall(r"<td>backend</td>\n<td>(.*)</td>", page)
    whole = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    assert html.unescape(shown[0]) == (whole if len(whole) <= 200 else f"{whole[:200]}…")


@pytest.mark.parametrize("text", ["https://evil.example", "www.evil.example", "a@evil.example", "evil.example"])
def test_an_address_is_broken_up_so_that_no_reader_makes_a_link_of_it(text: str) -> None:
    assert not re.search(r"(?<!\\)://|www\.|\w@\w|[a-z]\.[a-z]", escaped(text))


def test_html_is_escaped_for_readers_that_do_not_know_the_backslash_of_markdown() -> None:
    assert escaped("<b onclick='x'>R&D</b>, 3.11") == "&lt;b onclick\\='x'&gt;R&amp;D&lt;/b&gt;, 3.11"


def test_the_code_of_the_card_is_that_of_the_documentation(classifier: Classifier) -> None:
    card = model_card(classifier, NAME, AGREEMENT)
    with_library, without = re.findall(r"^```python\n(.*?)^```$", card, re.DOTALL | re.MULTILINE)
    compile(with_library, "card", "exec")
    assert f'Classifier.load("{ADDRESS}")' in with_library
    page = (ROOT / "docs" / "saved-folder.md").read_text(encoding="utf-8")
    [documented] = [
        block
        for block in re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
        if "load_model" in block
    ]
    here = without.replace('f"{folder}/', '"my-model/').splitlines()
    added = ["from huggingface_hub import snapshot_download", f'folder = snapshot_download("{NAME}")']
    assert [line for line in here if line and line not in added] == [line for line in documented.splitlines() if line]
    assert {*added} <= {*here}
