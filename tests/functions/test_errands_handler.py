"""The errands' handler: batches from the queue, and sweeps from EventBridge Scheduler."""

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from omnicascade.domain.errors import UnavailableError
from omnicascade.settings import Settings
from omnicascade.wiring import errand_runner

HANDLER = "functions.run_errands.handler"


@dataclass
class Runner:
    """Fails at some bodies, and remembers what it was given."""

    failing: dict[str, Exception] = field(default_factory=dict[str, Exception])
    done: list[str] = field(default_factory=list[str])
    swept: list[str] = field(default_factory=list[str])

    def __call__(self, body: str, remaining_ms: Callable[[], int]) -> None:
        """See `ErrandRunner.__call__`."""
        assert remaining_ms() == 90_000
        if body in self.failing:
            raise self.failing[body]
        self.done.append(body)

    def sweep(self, bucket: str, remaining_ms: Callable[[], int]) -> None:
        """See `ErrandRunner.sweep`."""
        assert remaining_ms() == 90_000
        if bucket in self.failing:
            raise self.failing[bucket]
        self.swept.append(bucket)


class Context:
    """Lambda's context, with a minute and a half left."""

    def get_remaining_time_in_millis(self) -> int:
        return 90_000


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """The runner that the handler finds when it is loaded."""
    made = Runner()

    def errand_runner_of(_settings: Settings) -> Runner:
        return made

    monkeypatch.setattr(errand_runner, "ErrandRunner", errand_runner_of)
    yield made
    sys.modules.pop(HANDLER, None)


def call(event: dict[str, Any]) -> dict[str, Any]:
    module: ModuleType = importlib.reload(importlib.import_module(HANDLER))
    return module.handler(event, Context())


def test_each_errand_of_a_batch_is_carried_out_and_only_failed_ones_come_again(runner: Runner) -> None:
    """An outage, and what nobody of ours sent."""
    runner.failing = {"b": UnavailableError("later"), "c": ValueError("not JSON"), "d": KeyError("dance")}
    records = [{"messageId": f"m-{body}", "body": body} for body in "abcde"]
    answer = call({"Records": records})
    assert [failed["itemIdentifier"] for failed in answer["batchItemFailures"]] == ["m-b", "m-c", "m-d"]
    assert runner.done == ["a", "e"]


def test_a_sweep_empties_its_bucket_and_fails_aloud(runner: Runner) -> None:
    """Scheduler calls again when the function fails."""
    assert call({"sweep": "20260310T1200"}) == {"swept": "20260310T1200"}
    assert runner.swept == ["20260310T1200"]
    runner.failing = {"20260310T1210": UnavailableError("later")}
    with pytest.raises(UnavailableError):
        call({"sweep": "20260310T1210"})
