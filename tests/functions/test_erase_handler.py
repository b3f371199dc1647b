"""The worker's handler: orders that fail come back alone, whatever was wrong with them."""

import importlib
from types import SimpleNamespace
from typing import Any

import pytest

from omnicascade.domain.errors import StaleWriteError, UnavailableError

FOREVER = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)


class Worker:
    """Takes orders; a body that names an error raises it."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def __call__(self, body: str, remaining_ms: Any) -> bool:
        assert remaining_ms() == 300_000
        self.taken.append(body)
        errors = {"stale": StaleWriteError("twice"), "down": UnavailableError("down"), "junk": ValueError("no order")}
        if body in errors:
            raise errors[body]
        return True

    def reapply(self) -> int:
        return 3


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The handler's module, with a worker that touches nothing."""
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "eu-central-1")
    module = importlib.import_module("functions.erase_customers.handler")
    monkeypatch.setattr(module, "worker", Worker())
    return module


def records(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"id-{body}", "body": body} for body in bodies]}


def test_failed_orders_come_back_alone(handler: Any) -> None:
    """Every order is tried; those that failed are named, the others are done with."""
    answer = handler.handler(records("one", "stale", "junk", "down", "two"), FOREVER)
    assert handler.worker.taken == ["one", "stale", "junk", "down", "two"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": f"id-{name}"} for name in ("stale", "junk", "down")]}
    assert handler.handler(records("one"), FOREVER) == {"batchItemFailures": []}


def test_a_fault_of_ours_is_loud(handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw fails the invocation; the queue delivers again and the alarm rings."""

    def broken(_body: str, _remaining: Any) -> bool:
        raise RuntimeError

    monkeypatch.setattr(handler, "worker", broken)
    with pytest.raises(RuntimeError):
        handler.handler(records("one"), FOREVER)


def test_erasures_are_ordered_again_after_a_restore(handler: Any) -> None:
    """The answer tells how many."""
    assert handler.handler({"reapply": True}, FOREVER) == {"ordered": 3}
