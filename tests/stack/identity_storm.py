"""Trouble of a seed on the embedded stack: repeated and mixed deliveries, throttles, lost answers, crashes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from random import Random

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

from infra.local.faults import NoFaults, SeededDeliveries
from tests.stack.fault_plan import CrashError

ATTEMPTS = 4
"""What the SDK is told to try (`wiring/clients.py`): a shorter spell of trouble never reaches the product's code."""


class IdentityStorm(NoFaults):
    """Implements the stack's `Faults`; calm until `begin`, and again after `calm`."""

    def __init__(self) -> None:
        self.calm()

    def begin(self, seed: int) -> None:
        """A storm that is the same for the same seed, whatever was before."""
        self._random = Random(seed)
        self._disorder: NoFaults = SeededDeliveries(seed, duplicate=0.4)
        self._left = self._random.randint(0, 4)

    def calm(self) -> None:
        """No more trouble."""
        self._random, self._disorder, self._left, self._spell = Random(0), NoFaults(), 0, 0

    def around_call(
        self, service: str, operation: str, proceed: Callable[[], AWSResponse | None]
    ) -> AWSResponse | None:
        """Let the call through, or have it time out for a while, before or after it was done, or die."""
        if self._spell:
            self._spell -= 1
            raise ReadTimeoutError(endpoint_url=service)
        if not self._left or self._random.random() > 0.1:
            return proceed()
        self._left -= 1
        trouble = self._random.choice(("spell", "answer lost", "dies before", "dies after"))
        if trouble == "spell":
            self._spell = self._random.choice((0, ATTEMPTS - 1))
            raise ReadTimeoutError(endpoint_url=service)
        if trouble == "dies before":
            raise CrashError(operation)
        proceed()
        raise ReadTimeoutError(endpoint_url=service) if trouble == "answer lost" else CrashError(operation)

    def deliveries[T](self, source: str, batch: Sequence[T], key: Callable[[T], Hashable]) -> Sequence[Sequence[T]]:
        """Mixed, and some twice."""
        return self._disorder.deliveries(source, batch, key)
