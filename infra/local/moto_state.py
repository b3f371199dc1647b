"""What this stack needs of moto beyond its API: a clean start, virtual time, a stream's records, a queue's state.

moto reads the time in one place, so visibility time-outs, delays and timestamps follow the virtual clock when that
place does. Its stream API cannot be used in process; its records are there all the same. And asking an empty queue by
its API costs more than most of what the stack does between two moments. Nothing else reaches into moto but
moto_dynamodb.py.
"""

import contextlib
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast
from unittest.mock import patch

import moto.core.utils
import moto.dynamodb.models.table
import moto.s3.models
from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_api._internal import mock_random

from infra.local.streams import Records

_TELLING_TIME: Final = (moto.core.utils, moto.dynamodb.models.table, moto.s3.models)
"""Modules of moto that tell the time and that this stack uses; loaded here, so that none of them is loaded later."""


def forget_everything() -> None:
    """Empty every service, and let the ids it gives out begin again: the same run has the same ids."""
    BackendDict.reset()
    reset_model_data()
    mock_random.seed(0)


@contextlib.contextmanager
def on_clock(now: Callable[[], datetime]) -> Generator[None]:
    """Let moto read the time from `now` inside.

    Its modules hold the function by which they tell the time, each of them the one that was there when it was loaded.
    S3 tells the latest version of an object by the time, so no two are written at the same one.
    """

    def naive() -> datetime:
        return now().replace(tzinfo=None)

    latest = naive()

    def distinct() -> datetime:
        nonlocal latest
        latest = max(naive(), latest + timedelta(microseconds=1))
        return latest

    loaded = (module for name, module in sys.modules.items() if name.startswith("moto.") and hasattr(module, "utcnow"))
    with contextlib.ExitStack() as patches:
        for module in {*_TELLING_TIME, *loaded}:
            told = distinct if module is moto.s3.models else naive
            patches.enter_context(patch.object(module, "utcnow", told))
        yield


def stream_records(account: str, region: str, table: str) -> Records:
    """A way to read all records of a table's stream so far."""

    def read() -> Sequence[Mapping[str, Any]]:
        backend: Any = get_backend("dynamodb")[account][region]
        return _Records(backend.get_table(table).stream_shard.items)

    return read


def queue_look(account: str, region: str, name: str) -> Callable[[], bool]:
    """A way to see whether a queue has a message to give, without receiving it."""

    def look() -> bool:
        backend: Any = get_backend("sqs")[account][region]
        messages = cast("list[Any]", vars(backend.queues[name])["_messages"])
        return any(message.visible and not message.delayed for message in messages)

    return look


class _Records(Sequence[Mapping[str, Any]]):
    """A view: the stream grows, and copying it at every look would cost more each time."""

    def __init__(self, items: Sequence[Any]) -> None:
        self._items = items

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [item.record for item in self._items[index]]
        return self._items[index].record

    def __len__(self) -> int:
        return len(self._items)
