"""Law 4 on the whole stack, for journeys of fresh seeds: deliveries twice and in disorder, and processes that die.

Disorder alone takes no time, so the rehearsal's messages must come at the rehearsal's moments. A process that dies is
started again a little later, which may decide a tie the other way: there every message is still sent at most once, and
every run comes to its end.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

import pytest
from botocore.awsrequest import AWSResponse

from infra.local.faults import NoFaults, SeededDeliveries
from omnicascade.contracts import Function
from tests.fresh_seeds import with_fresh_seeds
from tests.stack.fault_plan import WRITES, CrashError
from tests.stack.shop import Shop, opened
from tests.stack.test_journey_agreement import rehearsal
from tests.stack.told_and_lived import JOURNEY, agree, live

HERE = "tests/stack/test_journey_seeds.py"
REPEATED = frozenset({Function.RECORD_EVENTS, Function.PROJECT_PROFILES, Function.SEND_NEXT_MESSAGE})
"""What a queue, the stream and the state machine call again; whoever asks over HTTP repeats as they like."""
SOON, CRASHES, WRITES_TO_MEET = 8, 5, 60
"""One of the first writes is met by a crash in every story, and so many of the next."""


@dataclass
class Trouble(NoFaults):
    """The stack's trouble, of a seed that every attempt plans anew."""

    disorder: SeededDeliveries = field(default_factory=lambda: SeededDeliveries(0))
    random: Random = field(default_factory=Random)
    planned: frozenset[int] = frozenset()
    writes: int = 0

    def begin(self, seed: int, *, crashes: bool) -> None:
        """Deliveries of this seed, and the writes that crashes meet."""
        self.disorder, self.random, self.writes, self.planned = SeededDeliveries(seed), Random(seed), 0, frozenset()
        if crashes:
            later = self.random.sample(range(SOON, WRITES_TO_MEET), CRASHES)
            self.planned = frozenset({self.random.randrange(SOON), *later})

    def deliveries[T](self, source: str, batch: Sequence[T], key: Callable[[T], Hashable]) -> Sequence[Sequence[T]]:
        """Perhaps mixed, perhaps twice."""
        return self.disorder.deliveries(source, batch, key)

    def around_call(
        self, service: str, operation: str, proceed: Callable[[], AWSResponse | None]
    ) -> AWSResponse | None:
        """Let the call through, or die before or behind a write."""
        if not self._dies(service, operation):
            return proceed()
        if self.random.random() < 0.5:
            proceed()
        raise CrashError

    def _dies(self, service: str, operation: str) -> bool:
        function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "").rpartition("-")[2]
        if function not in REPEATED or (service, operation) not in WRITES:
            return False
        self.writes += 1
        return self.writes - 1 in self.planned


@pytest.fixture(scope="module")
def trouble() -> Trouble:
    """None, until a test plans some."""
    return Trouble()


@pytest.fixture(scope="module")
def shop(trouble: Trouble) -> Iterator[Shop]:
    """One stack for all seeds, emptied between them."""
    with opened(trouble) as one:
        yield one


def disordered(shop: Shop, trouble: Trouble, seed: int) -> None:
    """One seed's journey among duplicates and in disorder."""
    trouble.begin(seed, crashes=False)
    agree(shop, rehearsal(seed))


def crashing(shop: Shop, trouble: Trouble, seed: int) -> None:
    """One seed's journey while processes die: at most one message per run, step and channel, and nothing stuck."""
    shop.stack.reset()
    trouble.begin(seed, crashes=True)
    who = live(shop, rehearsal(seed))
    assert trouble.writes >= SOON, "too little happened for a process to die"
    trouble.begin(seed, crashes=False)
    _nothing_twice(shop, who)
    shop.stack.advance("9d")
    now = shop.stack.now()
    late = [run for run in shop.runs(JOURNEY, who) if run["next_at"] and datetime.fromisoformat(run["next_at"]) < now]
    assert not late, "nobody moves these runs any more"
    failed = [execution.name for execution in shop.stack.executions if execution.status in {"FAILED", "TIMED_OUT"}]
    assert not failed, "the state machine gave up on these runs"


def _nothing_twice(shop: Shop, who: str) -> None:
    """Each run claimed each message once, and no provider took more than runs know to be sent, or may have sent."""
    known: dict[str, Counter[str]] = {"sent": Counter(), "unknown": Counter()}
    for run in shop.runs(JOURNEY, who):
        claimed = Counter((m["step"], m["channel"]) for m in run["messages"] if m["outcome"] in known)
        assert max(claimed.values(), default=0) <= 1, f"sent twice: {run}"
        for message in run["messages"]:
            known.get(message["outcome"], Counter[str]())[message["channel"]] += 1
    taken = Counter(message["channel"] for message in shop.stack.messages(profile=who))
    assert known["sent"] <= taken <= known["sent"] + known["unknown"]


def test_disorder_changes_no_message(shop: Shop, trouble: Trouble) -> None:
    """Two seeds nobody has seen."""
    path = f"{HERE}::test_disorder_changes_no_message"
    with_fresh_seeds(2, lambda seed: disordered(shop, trouble, seed), path)


def test_crashes_send_nothing_twice(shop: Shop, trouble: Trouble) -> None:
    """Two seeds nobody has seen."""
    path = f"{HERE}::test_crashes_send_nothing_twice"
    with_fresh_seeds(2, lambda seed: crashing(shop, trouble, seed), path)


@pytest.mark.soak
def test_much_disorder_changes_no_message(shop: Shop, trouble: Trouble) -> None:
    """The same search, long."""
    path = f"-m soak {HERE}::test_much_disorder_changes_no_message"
    with_fresh_seeds(100, lambda seed: disordered(shop, trouble, seed), path)


@pytest.mark.soak
def test_many_crashes_send_nothing_twice(shop: Shop, trouble: Trouble) -> None:
    """The same search, long."""
    path = f"-m soak {HERE}::test_many_crashes_send_nothing_twice"
    with_fresh_seeds(200, lambda seed: crashing(shop, trouble, seed), path)
