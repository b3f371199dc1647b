"""Every store in each of its makes: in memory, and on a DynamoDB table (moto's, and Amazon's own)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from infra.local.moto_dynamodb import quick_tables
from tests.adapters.store_makes import Stores, stores_in_memory, stores_on
from tests.dynamodb_local import or_skip


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    """A DynamoDB in this process."""
    session = botocore.session.Session()
    session.set_credentials("AKIATEST", "secret")
    with mock_aws(), quick_tables():
        yield session.create_client("dynamodb", region_name="eu-central-1")


@pytest.fixture(scope="module")
def dynamodb_local() -> Iterator[Any]:
    """Amazon's own DynamoDB Local, which the one in this process is measured by."""
    yield from (database.client() for database in or_skip(fetch=True))


@pytest.fixture(params=["memory", "dynamodb", pytest.param("dynamodb_local", marks=pytest.mark.soak)])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Empty stores of one make."""
    return stores_in_memory() if request.param == "memory" else stores_on(request.getfixturevalue(request.param))
