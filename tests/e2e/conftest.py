"""One stack process per test file; every test uses customers of its own."""

from collections.abc import Iterator

import pytest

from infra.local_client import StackClient, running_stack


@pytest.fixture(scope="module")
def stack() -> Iterator[StackClient]:
    """A running stack, driven over HTTP only."""
    with running_stack() as client:
        yield client
