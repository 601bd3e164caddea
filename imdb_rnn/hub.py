"""Fetches a classifier from the Hugging Face hub, and uploads one.

The package `huggingface_hub` does both. It is imported only when a name of the hub is given. Only the files that the
caller names are fetched, and they are only stored: who reads them is the caller.
"""

import logging
import re
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imdb_rnn.errors import BundleError, MissingPackageError
from imdb_rnn.files import read_file
from imdb_rnn.printable import printable
from imdb_rnn.terminal import stderr_is_terminal

_log = logging.getLogger(__name__)

PREFIX = "hf://"
CARD_FILE = "README.md"
# No file of a saved folder is larger; see `imdb_rnn.inference.keras_file`. Without a limit, a stranger fills the disk.
MAX_BYTES = 50_000_000

_PART = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SAVED = "a model on the Hugging Face hub that this library has saved"
_LOGIN = "Log in with `hf auth login`, or set HF_TOKEN"
_SHOWN = 200
# The settings of the client are those of the process. So one thread uses it at a time.
_lock = threading.Lock()


def name_in(directory: Path | str) -> str | None:
    """Return the name after "hf://"; None for a folder.

    A `Path` has lost one of the two slashes.
    """
    if isinstance(directory, Path):
        path = directory.as_posix()
        return path.removeprefix("hf:/") if path.startswith("hf:/") else None
    return directory.removeprefix(PREFIX) if directory.startswith(PREFIX) else None


def check_name(name: str) -> None:
    """Raise `BundleError` unless a name is "OWNER/MODEL", to which a model can be uploaded."""
    _, revision = _parsed(name, "push to")
    if revision is not None:
        raise _error("push to", name, "a revision, too", expected="OWNER/MODEL")


def check_token(name: str) -> None:
    """Check what `upload` needs before any work for it is done.

    Raises:
        BundleError: the name is not proper, or nobody is logged in.
        MissingPackageError: `huggingface_hub` is not installed.
    """
    check_name(name)
    with _client(), _errors_in_one_line("push to", name):
        from huggingface_hub import get_token

        if get_token() is None:
            raise _error("push to", name, f"no token. {_LOGIN}", expected="a token that can write")


def download(name: str, files: Collection[str], also: Collection[str] = ()) -> Path:
    """Fetch files of a model on the Hugging Face hub into the cache of `huggingface_hub`.

    If the hub cannot be reached, the copy in the cache is used, and a warning is logged. A commit that is in the cache
    is not looked up again, because it cannot change.

    Args:
        name: "OWNER/MODEL", or "OWNER/MODEL@REVISION"; a revision is a branch, a tag or a commit.
        files: the names of the files that the model must have.
        also: the names of files to fetch if there are any. Other files are not fetched.

    Returns:
        A folder with the files, or links to them within the cache.

    Raises:
        BundleError: the name is not proper, there is no such model or revision, it cannot be read with this token, it
            lacks a file, a file is too large, the hub does not answer, or the disk is full.
        MissingPackageError: `huggingface_hub` is not installed.
    """
    _parsed(name, "load")  # a bad name is refused before the client is imported
    with _client(), _errors_in_one_line("load", name):
        folder = _pinned(name, files, also)
        if folder is None:
            folder = _current(name, files, also)
    if folder is None:
        raise _error("load", name, "only a part of its files. Load it again")
    return folder


def _pinned(name: str, files: Collection[str], also: Collection[str]) -> Path | None:
    """Return the folder of a commit that the cache has completely; None for other revisions and commits."""
    _, revision = _parsed(name, "load")
    if revision is None or not _COMMIT.fullmatch(revision):
        return None
    folder = _snapshot(name, files, also, from_cache=True)
    return folder if folder is not None and all((folder / file).is_file() for file in also) else None


def _current(name: str, files: Collection[str], also: Collection[str]) -> Path | None:
    """Fetch a revision as it is on the hub now; if the hub does not answer, return what the cache has.

    Returns:
        The folder of the files; None if they were fetched in part.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import OfflineModeIsEnabled

    model, revision = _parsed(name, "load")
    try:
        _check_content(name, HfApi().model_info(model, revision=revision, files_metadata=True), files, also)
    except _failures() as error:
        if not _is_away(error):
            raise
        folder = _snapshot(name, files, also, from_cache=True)
        if folder is None:
            raise _error("load", name, f"{_received(error)}, and no complete copy in the cache") from error
        if not isinstance(error, OfflineModeIsEnabled):
            told = f"{PREFIX}{name} is read from the cache, commit {folder.name[:7]}"
            _log.warning("%s, because the hub does not answer: %s.", told, _received(error))
        return folder
    try:
        return _snapshot(name, files, also, from_cache=False)
    except _failures() as error:
        if not _is_away(error):
            raise
        # Not every version of the client goes on with a download that has stopped, but each does when called again.
        return _snapshot(name, files, also, from_cache=False)


def _snapshot(name: str, files: Collection[str], also: Collection[str], *, from_cache: bool) -> Path | None:
    """Return the folder of the files, from the cache or from the hub; None if it does not have all of `files`."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    model, revision = _parsed(name, "load")
    wanted = [*files, *also]
    try:
        folder = Path(snapshot_download(model, revision=revision, allow_patterns=wanted, local_files_only=from_cache))
    except LocalEntryNotFoundError:
        if from_cache:
            return None
        raise
    _check_places(name, folder, wanted)
    return folder if all((folder / file).is_file() for file in files) else None


def upload(folder: Path, files: Collection[str], name: str, card: str, *, private: bool = False) -> str:
    """Upload files of a folder to a model on the Hugging Face hub, in one commit.

    The model is created if it does not exist. Its other files are not changed. If nothing has changed, there is no new
    commit.

    Args:
        folder: the folder. Other files in it are not uploaded.
        files: the names of the files, which are uploaded as they are; those that the folder does not have are left out.
        name: "OWNER/MODEL".
        card: the model card, which is uploaded as `README.md`.
        private: whether only the owner can see a new model.

    Returns:
        The address of the commit.

    Raises:
        BundleError: the name is not proper, a file cannot be read, nobody is logged in, the token does not permit it,
            `private` is asked of a model that is public already, or the hub does not answer.
        MissingPackageError: `huggingface_hub` is not installed.
    """
    check_token(name)
    with _client(), _errors_in_one_line("push to", name):
        from huggingface_hub import CommitOperationAdd, HfApi

        found = [file for file in files if (folder / file).exists()]
        if not found:
            raise _error("push to", name, f"none of them in {folder}", expected=f"the files {', '.join(files)}")
        _check_places(name, folder, found, "push to")
        contents = {file: read_file(folder / file, MAX_BYTES) for file in found}
        api = HfApi()
        api.create_repo(name, private=private or None, exist_ok=True)
        if private and not api.model_info(name).private:
            received = "one that exists already and is public. Make it private on its page, or choose another name"
            raise _error("push to", name, received, expected="a new or a private model")
        contents[CARD_FILE] = card.encode()
        commit = api.create_commit(
            name,
            [CommitOperationAdd(path_in_repo=file, path_or_fileobj=content) for file, content in contents.items()],
            commit_message="Upload a classifier of imdb_rnn",
        )
        return str(commit.commit_url)


def _parsed(name: str, verb: str) -> tuple[str, str | None]:
    """Split a name into "OWNER/MODEL" and the revision; the client makes paths of both.

    Raises:
        BundleError: the name is not proper.
    """
    model, at, revision = name.partition("@")
    parts = model.split("/")
    proper = (
        len(parts) == 2
        and all(_PART.fullmatch(part) and ".." not in part and "--" not in part for part in parts)
        and not model.endswith(".git")
    )
    if at:
        levels = revision.split("/")
        proper = (
            proper
            and _REVISION.fullmatch(revision) is not None
            and all(level and not level.startswith(".") and not level.endswith((".", ".lock")) for level in levels)
            and ".." not in revision
        )
    if not proper:
        raise _error(verb, name, "another form of name", expected="OWNER/MODEL or OWNER/MODEL@REVISION")
    return model, revision if at else None


def _check_content(name: str, info: Any, files: Collection[str], also: Collection[str]) -> None:
    """Raise `BundleError` if a model on the hub lacks a file, or has one that is too large."""
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    missing = [file for file in files if file not in sizes]
    if missing:
        raise _error("load", name, f"one without {' and '.join(missing)}")
    for file in (*files, *also):
        if sizes.get(file, 0) > MAX_BYTES:
            received = f"one whose {file} has {sizes[file]:,} bytes"
            raise _error("load", name, received, expected=f"files of at most {MAX_BYTES:,} bytes")


def _check_places(name: str, folder: Path, files: Collection[str], verb: str = "load") -> None:
    """Raise `BundleError` if a file is a link that leads out of the folder, and not into the cache of the client.

    The cache consists of such links. Others could lead to a private file, which would be uploaded.
    """
    from huggingface_hub import constants

    places = [folder.resolve(), Path(constants.HF_HUB_CACHE).resolve()]
    for file in files:
        target = (folder / file).resolve()
        if not any(target.is_relative_to(place) for place in places):
            received = f"{file}, a link to another place"
            raise _error(verb, name, received, expected="files in the folder itself, or in the cache of the hub")


@contextmanager
def _client() -> Iterator[None]:
    """Use the client of the hub without its telemetry and notes, and with progress bars only in a terminal.

    Otherwise the client tells the hub which packages are installed here. There is no argument for this, and the
    environment is the user's.

    Raises:
        MissingPackageError: the client is not installed.
    """
    try:
        from huggingface_hub import constants
        from huggingface_hub.utils import (
            are_progress_bars_disabled,
            disable_progress_bars,
            enable_progress_bars,
            logging,
        )
    except ModuleNotFoundError as error:
        msg = (
            f"Cannot import huggingface_hub. Expected: the packages of the extra `hub` of imdb_rnn. Received: {error}. "
            'Run: pip install "imdb_rnn[hub]"'
        )
        raise MissingPackageError(msg) from error
    with _lock:
        silent, verbosity = constants.HF_HUB_DISABLE_TELEMETRY, logging.get_verbosity()
        # The user's own HF_HUB_DISABLE_PROGRESS_BARS comes first.
        hide = (
            not stderr_is_terminal()
            and constants.HF_HUB_DISABLE_PROGRESS_BARS is None
            and not are_progress_bars_disabled()
        )
        constants.HF_HUB_DISABLE_TELEMETRY = True
        logging.set_verbosity(logging.ERROR)
        if hide:
            disable_progress_bars()
        try:
            yield
        finally:
            constants.HF_HUB_DISABLE_TELEMETRY = silent
            logging.set_verbosity(verbosity)
            if hide:
                enable_progress_bars()


def _failures() -> tuple[type[Exception], ...]:
    """Return the exceptions of the client, of the disk, and of the HTTP library, which the client's version decides."""
    from huggingface_hub.errors import HfHubHTTPError

    return (OSError, ValueError, RuntimeError, *HfHubHTTPError.__bases__)


@contextmanager
def _errors_in_one_line(verb: str, name: str) -> Iterator[None]:
    """Raise failures as `BundleError`."""
    try:
        yield
    except _failures() as error:
        expected = _SAVED if verb == "load" else "a folder that can be read, and a model that can be written"
        raise _error(verb, name, _received(error), expected=expected) from error


def _is_away(error: Exception) -> bool:
    """Return whether the hub does not answer, or not now; a refusal is an answer."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if isinstance(error, HfHubHTTPError) and _status(error):
        return _status(error) in (408, 429) or _status(error) >= 500
    # The errors of the HTTP library `requests`, which the client used before 1.0, are all errors of the system.
    if isinstance(error, (OSError, ValueError, RuntimeError)) and not type(error).__module__.startswith("requests."):
        return isinstance(error, (ConnectionError, TimeoutError, LocalEntryNotFoundError))
    return True


def _status(error: Exception) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0))


def _received(error: Exception) -> str:
    """Return what an error of the client says, in a few words."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):  # is also a RepositoryNotFoundError
        return f"one that its owner gives access to. Ask for it on the page of the model. {_LOGIN}"
    if isinstance(error, RepositoryNotFoundError):
        return f"no such model, or one that is private. {_LOGIN}"
    if isinstance(error, RevisionNotFoundError):
        return "no such revision"
    if isinstance(error, HfHubHTTPError) and _status(error):
        said = _short(getattr(error, "server_message", None) or "")
        advice = {401: f". The token is not valid. {_LOGIN}", 403: ". The token does not permit it"}
        return f"the answer {_status(error)}{said and f', {said}'}{advice.get(_status(error), '')}"
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE, which forbids to ask the hub"
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        return _received(error.__cause__)
    return f"{type(error).__name__}: {_short(str(error))}"


def _short(text: str) -> str:
    words = " ".join(printable(text).split()).rstrip(".")
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN].rstrip()}…"


def _error(verb: str, name: str, received: str, expected: str = _SAVED) -> BundleError:
    return BundleError(f"Cannot {verb} {PREFIX}{_short(name)}. Expected: {expected}. Received: {received}.")
