"""A stand-in for the Hugging Face hub: its HTTP, as the client `huggingface_hub` uses it, with commits in memory.

It knows the models of two users, private and gated models, branches and commits, small files in the commit and large
ones by Git LFS. It can also do what a hub should not: stop in the middle of a file, answer with errors, end.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

OWNER, STRANGER = "ada", "bob"
TOKENS = {"hf_ada": OWNER, "hf_bob": STRANGER}


@dataclass
class Model:
    """A model: its commits, the oldest first, each as file name -> content, and its branches and tags."""

    private: bool = False
    gated: bool = False
    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], ref: str = "main") -> str:
        before = dict(self.commits).get(self.refs.get(ref, ""), {})
        name = hashlib.sha1(f"{len(self.commits)} {sorted(files)}".encode()).hexdigest()  # noqa: S324 (as in Git)
        self.commits.append((name, before | files))
        self.refs[ref] = name
        return name

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        name = self.refs.get(revision, revision)
        return next((commit for commit in self.commits if commit[0] == name), None)

    @property
    def files(self) -> dict[str, bytes]:
        """The files on the branch `main`."""
        return dict(self.commits)[self.refs["main"]]


@dataclass
class Hub:
    """What the stand-in holds, and what was asked of it.

    Attributes:
        models: "OWNER/MODEL" -> the model.
        objects: SHA-256 -> content of the files of Git LFS.
        asked: every request as "METHOD path", in order.
        agents: the names that clients gave themselves.
        stops: file name -> the number of times that its content ends in the middle.
        waits: the name of a file whose content stays away after the middle, until `go` is set; then `halfway` is set.
        answer: the status of every answer; None is the proper one.
        page: whether every answer is a page, as that of a network in a hotel.
    """

    models: dict[str, Model] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    stops: dict[str, int] = field(default_factory=dict)
    waits: str | None = None
    halfway: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    answer: int | None = None
    page: bool = False
    address: str = ""

    def add(self, name: str, files: dict[str, bytes], **settings: Any) -> Model:
        model = self.models[name] = Model(**settings)
        model.commit(files)
        return model

    def downloaded(self) -> set[str]:
        """The files whose content was asked for."""
        return {line.rpartition("/")[2] for line in self.asked if line.startswith("GET ") and "/resolve/" in line}

    @contextmanager
    def running(self) -> Iterator["Hub"]:
        """Answer requests within a block; then nobody does."""
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        port = int(self.address.rpartition(":")[2] or 0)
        with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
            server.daemon_threads = True
            self.address = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


class Answer(Exception):  # noqa: N818 (no error: it ends the work on a request from any depth)
    """An answer that ends the work on a request."""

    def __init__(self, status: int, content: Any = None, **headers: str) -> None:
        super().__init__(status)
        self.status, self.content = status, content
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        """Stay silent; the tests ask `Hub.asked`."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.hub.asked.append(f"{self.command} {self.path}")
        self.hub.agents.add(self.headers.get("User-Agent", ""))
        try:
            if self.hub.page:
                raise Answer(200, b"<html>Welcome to the hotel</html>")
            if self.hub.answer is not None:
                raise Answer(self.hub.answer, {"error": "Asked to fail"}, X_Error_Message="Asked to fail")
            self._handle(body)
            raise Answer(404, {"error": "Not found"})
        except Answer as answer:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        content = answer.content
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
            answer.headers.setdefault("Content-Type", "application/json")
        begin = 0
        if answer.status == 200 and (wanted := self.headers.get("Range")):
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
            answer.status = 206
            answer.headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        content = content[begin:]
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        file = answer.headers.get("X-File", "")
        if self.hub.stops.get(file, 0) > 0:
            self.hub.stops[file] -= 1
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        if self.hub.waits == file:
            self.wfile.write(content[: len(content) // 2])
            self.hub.halfway.set()
            self.hub.go.wait()
            self.close_connection = True
            return
        self.wfile.write(content)

    def _handle(self, body: bytes) -> None:
        """Answer one of the requests that the client makes."""
        address = urlsplit(self.path)
        parts = [unquote(part) for part in address.path.strip("/").split("/")]
        user = self._user()
        if parts == ["api", "repos", "create"]:
            self._create(json.loads(body), user)
        elif parts == ["api", "validate-yaml"]:
            self._validate(json.loads(body)["content"])
        elif parts[0] == "objects":
            self._object(parts[1], body)
        elif parts[2:] == ["info", "lfs", "objects", "batch"]:
            self._batch(json.loads(body))
        elif parts[:2] == ["api", "models"] and len(parts) >= 4:
            name, rest = "/".join(parts[2:4]), parts[4:] or ["revision", "main"]
            model = self._model(name, user)
            if rest[0] == "preupload":
                self._preupload(model, rest[1], json.loads(body))
            elif rest[0] == "commit":
                self._commit(name, model, rest[1], body, user)
            elif rest[0] == "revision":
                self._info(name, model, rest[1], "blobs" in parse_qs(address.query))
            elif rest[0] == "tree":
                _, files = self._files(model, rest[1])
                raise Answer(200, [_entry(file, content) for file, content in sorted(files.items())])
        elif len(parts) >= 5 and parts[2] == "resolve":
            self._resolve(self._model("/".join(parts[:2]), user, content=True), parts[3], "/".join(parts[4:]))

    def _user(self) -> str | None:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if given and given not in TOKENS:
            message = "Invalid credentials in Authorization header"
            raise Answer(401, {"error": message}, X_Error_Message=message)
        return TOKENS.get(given)

    def _model(self, name: str, user: str | None, *, content: bool = False) -> Model:
        model = self.hub.models.get(name)
        if model is None or (model.private and user != name.partition("/")[0]):
            # The hub does not tell strangers whether a model exists.
            status = 401 if user is None else 404
            raise Answer(status, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
        if model.gated and content and user != name.partition("/")[0]:
            raise Answer(401 if user is None else 403, {"error": "Gated"}, X_Error_Code="GatedRepo")
        return model

    def _files(self, model: Model, revision: str) -> tuple[str, dict[str, bytes]]:
        found = model.at(revision)
        if found is None:
            raise Answer(404, {"error": "Invalid rev id"}, X_Error_Code="RevisionNotFound")
        return found

    def _create(self, wanted: dict[str, Any], user: str | None) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        if user is None:
            raise Answer(401, {"error": "Invalid username or password."})
        if user != wanted["organization"]:
            message = f'You don\'t have the rights to create a model under the namespace "{wanted["organization"]}"'
            raise Answer(403, {"error": message}, X_Error_Message=message)
        url = {"url": f"{self.hub.address}/{name}"}
        if name in self.hub.models:
            raise Answer(409, url | {"error": "You already created this model repo"})
        private = wanted.get("private") or wanted.get("visibility") == "private"
        self.hub.add(name, {".gitattributes": b"*.keras filter=lfs diff=lfs merge=lfs -text\n"}, private=bool(private))
        raise Answer(200, url)

    def _validate(self, card: str) -> None:
        import yaml  # comes with the client

        _, head, _ = card.split("---\n", 2)
        try:
            settings = yaml.safe_load(head)
            assert isinstance(settings, dict)
        except (yaml.YAMLError, AssertionError) as error:
            raise Answer(400, {"errors": [{"message": str(error)}], "warnings": []}) from error
        raise Answer(200, {"errors": [], "warnings": []})

    def _preupload(self, model: Model, revision: str, wanted: dict[str, Any]) -> None:
        _, files = self._files(model, revision)
        answers = []
        for file in wanted["files"]:
            content = files.get(file["path"])
            mode = "lfs" if b"\0" in base64.b64decode(file["sample"]) else "regular"
            oid = None
            if content is not None:
                oid = hashlib.sha256(content).hexdigest() if mode == "lfs" else _git_hash(content)
            answers.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        raise Answer(200, {"files": answers})

    def _batch(self, wanted: dict[str, Any]) -> None:
        objects = []
        for one in wanted["objects"]:
            known = one["oid"] in self.hub.objects
            upload = {"upload": {"href": f"{self.hub.address}/objects/{one['oid']}"}}
            objects.append(one if known else {**one, "actions": upload})
        raise Answer(200, {"transfer": "basic", "objects": objects}, Content_Type="application/vnd.git-lfs+json")

    def _object(self, oid: str, body: bytes) -> None:
        if self.command == "PUT":
            assert hashlib.sha256(body).hexdigest() == oid
            self.hub.objects[oid] = body
            raise Answer(200)
        found = self.hub.objects[oid]
        # The file whose content is stopped in the middle is known by its address.
        raise Answer(200, found, X_File=parse_qs(urlsplit(self.path).query)["file"][0])

    def _commit(self, name: str, model: Model, revision: str, body: bytes, user: str | None) -> None:
        if user != name.partition("/")[0]:
            raise Answer(403, {"error": "Forbidden"}, X_Error_Message="You have no right to write")
        added = {}
        for line in body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                added[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                added[value["path"]] = self.hub.objects[value["oid"]]
            else:
                assert item["key"] == "header", item
        commit = model.commit(added, revision)
        raise Answer(200, {"commitUrl": f"{self.hub.address}/{name}/commit/{commit}", "commitOid": commit})

    def _info(self, name: str, model: Model, revision: str, sizes: bool) -> None:
        commit, files = self._files(model, revision)
        siblings = [{"rfilename": file} | ({"size": len(files[file])} if sizes else {}) for file in sorted(files)]
        raise Answer(
            200,
            {
                "id": name,
                "modelId": name,
                "sha": commit,
                "private": model.private,
                "gated": "manual" if model.gated else False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "siblings": siblings,
            },
        )

    def _resolve(self, model: Model, revision: str, file: str) -> None:
        commit, files = self._files(model, revision)
        if file not in files:
            raise Answer(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
        content = files[file]
        headers = {"X_Repo_Commit": commit, "X_File": file}
        if not _is_large(content):
            raise Answer(200, content, ETag=f'"{_git_hash(content)}"', **headers)
        oid = hashlib.sha256(content).hexdigest()
        self.hub.objects[oid] = content
        raise Answer(
            302,
            b"",
            # Another host, as on the hub; the client does not send its token there.
            Location=f"{self.hub.address.replace('127.0.0.1', 'localhost')}/objects/{oid}?file={file}",
            X_Linked_Etag=f'"{oid}"',
            X_Linked_Size=str(len(content)),
            **headers,
        )


def _is_large(content: bytes) -> bool:
    """Return whether Git LFS stores a file; the hub decides by its beginning."""
    return b"\0" in content[:512]


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()  # noqa: S324 (as in Git)


def _entry(file: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": file, "size": len(content), "oid": _git_hash(content)}
    if _is_large(content):
        oid = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": oid, "size": len(content), "pointerSize": 134}
    return entry
