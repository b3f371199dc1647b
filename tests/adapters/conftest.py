"""Every store in each of its makes: in memory, and on a DynamoDB table (moto's, and Amazon's own)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterator
from typing import Any
from unittest.mock import patch

import botocore.session
import pytest
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

from infra.local.moto_dynamodb import quick_tables
from tests.adapters.store_makes import Stores, stores_in_memory, stores_on
from tests.dynamodb_local import or_skip


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    """A DynamoDB in this process."""
    session = botocore.session.Session()
    session.set_credentials("AKIATEST", "secret")
    with mock_aws(), quick_tables(), _one_call_at_a_time():
        yield session.create_client("dynamodb", region_name="eu-central-1")


@contextlib.contextmanager
def _one_call_at_a_time() -> Generator[None]:
    """moto's transactions look and write without a lock: of two threads' calls neither sees half of the other."""
    answer, turn = BotocoreStubber.__call__, threading.Lock()

    def in_turn(*args: Any, **named: Any) -> Any:
        with turn:
            return answer(*args, **named)

    with patch.object(BotocoreStubber, "__call__", in_turn):
        yield


@pytest.fixture(scope="module")
def dynamodb_local() -> Iterator[Any]:
    """Amazon's own DynamoDB Local, which the one in this process is measured by."""
    yield from (database.client() for database in or_skip(fetch=True))


@pytest.fixture(params=["memory", "dynamodb", pytest.param("dynamodb_local", marks=pytest.mark.soak)])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Empty stores of one make."""
    return stores_in_memory() if request.param == "memory" else stores_on(request.getfixturevalue(request.param))
