"""An audience's lists in memory, with the results of a round as Step Functions would have written them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from omnicascade.contracts import AUDIENCES_PREFIX
from omnicascade.usecases.audience.plan import BatchResult


class MemoryAudienceStorage:
    """`AudienceStorage` in memory.

    Attributes:
        files: every list by key.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._results: dict[str, list[BatchResult]] = {}

    def write(self, audience: str, name: str, lines: Iterable[bytes]) -> str:
        """See `AudienceStorage.write`."""
        key = f"{AUDIENCES_PREFIX}{audience}/{name}.jsonl"
        self.files[key] = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines)
        return key

    def lines(self, key: str) -> Iterator[bytes]:
        """See `AudienceStorage.lines`."""
        return iter(self.files[key].splitlines())

    def results(self, key: str) -> Iterator[BatchResult]:
        """See `AudienceStorage.results`."""
        return iter(self._results[key])

    def put_results(self, key: str, results: Sequence[BatchResult]) -> None:
        """What became of a round's batches."""
        self._results[key] = list(results)

    def customers(self, key: str) -> list[Mapping[str, Any]]:
        """A list as values."""
        return [json.loads(line) for line in self.lines(key)]
