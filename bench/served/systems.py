"""Systems that answer the load: pintower's release and what would be served instead."""

import contextlib
import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from peers.environments import PeerEnvironment, open_environment
from peers.older import older_encoder

from pintower.contracts import Contract
from pintower.errors import InputError, SetupError
from pintower.serving.addresses import LOOPBACK, Addresses, free_addresses
from pintower.serving.environment import ServerEnvironment
from pintower.serving.load_results import LoadResult
from pintower.serving.perf_analyzer import Row, run_embeddings_load, run_load
from pintower.serving.server import TritonServer
from pintower.text.rendering import Rendering

from .repositories import write_bls, write_naive, write_plain

__all__ = ["NAMES", "Running", "System", "Systems"]

NAMES: Mapping[str, str] = {
    "pintower": "the release, as built",
    "bls": "the release's steps called from a python model instead of the ensemble",
    "plain_onnx": "an ensemble of a transformers tokenizer, the encoder and the head exported in "
    "fp32 as they are, one instance each, ONNX Runtime's own number of threads, no cache",
    "plain_onnx_cache": "the same with Triton's response cache around the encoder",
    "naive_torch": "one python model: encoder and head in torch, fp32, torch's own threads",
    "fastapi": "sentence-transformers' encode behind FastAPI, one uvicorn worker, torch fp32",
    "infinity": "infinity-emb with its torch engine, its own defaults",
}
"""Every system, and how it is set up."""

_WAIT = 180.0


class Running(Protocol):
    """A system that answers."""

    @property
    def pid(self) -> int:
        """Of a process whose descendants, and itself, are the system."""

    def send(
        self,
        model: str,
        rows: Sequence[Row],
        *,
        concurrency: int = 0,
        intervals_us: Sequence[int] = (),
    ) -> LoadResult:
        """Send rows once each."""


@dataclass(frozen=True)
class System:
    """A system that can be started.

    Attributes:
        name: one of :data:`NAMES`.
        cached: whether it keeps answers, so that a warm-up of the whole log means something.
        steps: its models whose counters are of interest; none over plain HTTP.
        cached_model: the model that the cache stands around, empty for none.
        start: gives it running, freshly started.
    """

    name: str
    cached: bool
    steps: tuple[str, ...]
    cached_model: str
    start: Callable[[], AbstractContextManager[Running]]


class _Triton:
    def __init__(self, environment: ServerEnvironment, addresses: Addresses, pid: int) -> None:
        self._environment = environment
        self._addresses = addresses
        self.pid = pid

    def send(
        self,
        model: str,
        rows: Sequence[Row],
        *,
        concurrency: int = 0,
        intervals_us: Sequence[int] = (),
    ) -> LoadResult:
        return run_load(
            self._environment, self._addresses, model, rows,
            concurrency=concurrency, intervals_us=intervals_us,
        )  # fmt: skip


class _Http:
    def __init__(self, environment: ServerEnvironment, url: str, pid: int) -> None:
        self._environment = environment
        self._url = url
        self.pid = pid

    def send(
        self,
        model: str,
        rows: Sequence[Row],
        *,
        concurrency: int = 0,
        intervals_us: Sequence[int] = (),
    ) -> LoadResult:
        if model != "query_embedding" or intervals_us:
            raise InputError(f"{self._url} embeds queries in a closed loop, nothing else.")
        queries = [str(row["QUERY"].reshape(-1)[0]) for row in rows]
        return run_embeddings_load(self._environment, self._url, queries, concurrency=concurrency)


class Systems:
    """Makes systems ready to be started; a context manager, because some need files."""

    def __init__(
        self,
        workdir: Path,
        environment: ServerEnvironment,
        peers: Mapping[str, Path],
    ) -> None:
        """Describe where everything is.

        Args:
            workdir: of a finished run.
            environment: the Triton server's.
            peers: environments at hand, as ``peers.environments`` takes them.
        """
        self._workdir = workdir
        self._environment = environment
        self._peers = peers
        self._rendering = Rendering.load(workdir / "export" / "text.json")
        self._cached = Contract.load(workdir / "models" / "contract.json").target.cached_model
        self.versions: dict[str, Mapping[str, str]] = {}

    def __enter__(self) -> "Systems":
        self._folder = tempfile.TemporaryDirectory(prefix="pintower-systems-")
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def prepare(self, name: str) -> System:
        """Return a system, its environment installed and its files written.

        Raises:
            InputError: for a name that is none of :data:`NAMES`, or a work folder without the
                student that the system is made from.
            SetupError: if its environment cannot be installed.
        """
        if name not in NAMES:
            raise InputError(f"No system {name!r}; there are {', '.join(NAMES)}.")
        if name not in ("pintower", "bls") and not (self._workdir / "student").is_dir():
            raise InputError(
                f"{self._workdir} has no folder student, which {name} is made from. Take the work "
                "folder of a finished `pintower run`."
            )
        root = Path(self._folder.name) / name
        if name == "fastapi":
            script = Path(__file__).with_name("fastapi_app.py")
            root.mkdir()
            tokens = str(self._rendering.query_max_tokens)
            encoder = self._older(root / "encoder")
            python = str(self._packages("sentence").python)
            return self._http(
                name, lambda port: [python, "-I", str(script), str(encoder), tokens, port]
            )
        if name == "infinity":
            root.mkdir()
            encoder = self._older(root / "encoder")
            program = self._packages("infinity").python.with_name("infinity_emb")
            own = [str(program), "v2", "--engine=torch", "--device=cpu"]
            own += ["--url-prefix=/v1", "--served-model-name=encoder", f"--host={LOOPBACK}"]
            return self._http(name, lambda port: [*own, f"--model-id={encoder}", f"--port={port}"])
        steps: tuple[str, ...] = ("tokenizer", self._cached, "pin_features", "scorer")
        cached = self._cached
        if name == "pintower":
            root = self._workdir / "models"
        else:
            root.mkdir()
            if name == "bls":
                write_bls(self._workdir, root)
            elif name == "naive_torch":
                write_naive(self._workdir, root, self._site("sentence"))
                steps, cached = ("relevance",), ""
            else:
                keeps = name == "plain_onnx_cache"
                write_plain(self._workdir, root, self._site("sentence"), cached=keeps)
                steps = ("tokenizer", "query_encoder", "pin_features", "scorer")
                cached = "query_encoder" if keeps else ""
        return System(name, bool(cached), steps, cached, lambda: self._triton(root))

    def _older(self, folder: Path) -> Path:
        """Copy the query encoder into a folder, as peers' libraries read it; return the folder."""
        source = self._workdir / "student" / "query_encoder"
        older_encoder(source, folder, self._rendering.query_max_tokens)
        return folder

    def _packages(self, key: str) -> PeerEnvironment:
        found = open_environment(key, self._peers)
        self.versions[key] = found.versions
        return found

    def _site(self, key: str) -> Path:
        """Return where an environment's packages lie."""
        (packages,) = self._packages(key).python.parent.parent.glob("lib/python3*/site-packages")
        return packages

    @contextlib.contextmanager
    def _triton(self, repository: Path) -> Iterator[Running]:
        addresses = free_addresses()
        with TritonServer(self._environment, repository, addresses=addresses) as server:
            yield _Triton(self._environment, addresses, server.pid)

    def _http(self, name: str, command: Callable[[str], list[str]]) -> System:
        return System(name, False, (), "", lambda: self._service(command))

    @contextlib.contextmanager
    def _service(self, command: Callable[[str], list[str]]) -> Iterator[Running]:
        port = free_addresses().http
        url = f"{LOOPBACK}:{port}"
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        variables = kept | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DO_NOT_TRACK": "1"}
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                command(str(port)), env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self._folder.name,
            )  # fmt: skip
            try:
                _wait(process, url, log)
                yield _Http(self._environment, url, process.pid)
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Any) -> None:
    """Wait until a service has embedded a text.

    Raises:
        SetupError: if it ends or takes too long; its last lines are in the message.
    """
    body = json.dumps({"model": "encoder", "input": ["ready"]}).encode()
    request = urllib.request.Request(
        f"http://{url}/v1/embeddings", body, {"Content-Type": "application/json"}
    )
    started = time.monotonic()
    while process.poll() is None and time.monotonic() - started < _WAIT:
        try:
            with urllib.request.urlopen(request, timeout=30):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    log.seek(0)
    said = log.read().decode("utf-8", "replace").strip().splitlines()
    raise SetupError(f"The service did not start: {' '.join(said[-2:])}")
