"""Where trouble enters: one object asked at every AWS call and every delivery.

AWS promises at-least-once delivery and no order between partitions; a stack that delivers everything once and in order
would hide the bugs that matter. The default makes no trouble; `SeededDeliveries` makes the same trouble again for the
same seed.
"""

import random
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

from botocore.awsrequest import AWSResponse


class Faults(Protocol):
    """What may go wrong, and when. All methods are called under the stack's lock."""

    def around_call(
        self, service: str, operation: str, proceed: Callable[[], AWSResponse | None]
    ) -> AWSResponse | None:
        """Answer one AWS call of a handler: `proceed()` does it; answer or raise something else before or after."""
        ...

    def before_statement(self, position: int) -> None:
        """Raise to die before this statement of a handler's batch of PartiQL writes; those before it stay done."""
        ...

    def deliveries[T](self, source: str, batch: Sequence[T], key: Callable[[T], Hashable]) -> Sequence[Sequence[T]]:
        """The batches to hand over instead of `batch`; elements of one key keep their order."""
        ...


class NoFaults:
    """Everything works, once, in order."""

    def around_call(
        self, service: str, operation: str, proceed: Callable[[], AWSResponse | None]
    ) -> AWSResponse | None:
        """Let the call through."""
        del service, operation
        return proceed()

    def before_statement(self, position: int) -> None:
        """Go on."""
        del position

    def deliveries[T](self, source: str, batch: Sequence[T], key: Callable[[T], Hashable]) -> Sequence[Sequence[T]]:
        """Deliver the batch as it is."""
        del source, key
        return [batch]


class SeededDeliveries(NoFaults):
    """Duplicates and reorders deliveries, by a seed, as far as AWS itself may."""

    def __init__(self, seed: int, *, duplicate: float = 0.3, reorder: bool = True) -> None:
        """Deliver a batch twice with probability `duplicate`; mix the order of different keys when `reorder`."""
        self._random = random.Random(seed)  # noqa: S311 - a seed that can be replayed is the point
        self._duplicate = duplicate
        self._reorder = reorder

    def deliveries[T](self, source: str, batch: Sequence[T], key: Callable[[T], Hashable]) -> Sequence[Sequence[T]]:
        """The batch, perhaps mixed, perhaps twice."""
        del source
        mixed = self._mixed(batch, key) if self._reorder else list(batch)
        return [mixed, mixed] if self._random.random() < self._duplicate else [mixed]

    def _mixed[T](self, batch: Sequence[T], key: Callable[[T], Hashable]) -> list[T]:
        lanes: dict[Hashable, list[T]] = {}
        for element in batch:
            lanes.setdefault(key(element), []).append(element)
        turns = [lane for lane, elements in lanes.items() for _ in elements]
        self._random.shuffle(turns)
        return [lanes[lane].pop(0) for lane in turns]
