"""List who an audience is: the segment's members at this moment, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from omnicascade.domain.deployment import Deployment
from omnicascade.domain.errors import InvalidInputError
from omnicascade.usecases.audience.plan import Audience, AudienceStorage, Place, Round
from omnicascade.usecases.audience.read_start import GOES_ON, read_start
from omnicascade.usecases.segment_ports import SegmentStore
from omnicascade.usecases.store_ports import JourneyStore

PAGE = 1_000
"""Members read at a time."""


@dataclass(frozen=True, slots=True)
class AudienceLister:
    """Everything that lists an audience."""

    journeys: JourneyStore
    segments: SegmentStore
    storage: AudienceStorage
    deployment: Deployment

    def snapshot(self, given: Mapping[str, Any], *, execution: str, started: str) -> tuple[Audience, Round]:
        """The audience that an execution is about, and its first round.

        May be repeated; the later list then counts. An execution that goes on for an earlier one lists nobody.

        Args:
            given: the execution's input.
            execution: its name.
            started: its start, as Step Functions writes it; a name may be used again after 90 days.

        Raises:
            InvalidInputError: the input names no audience any more.
            UnavailableError: call again.
        """
        start = read_start(given, self.journeys, self.deployment)
        if start.segment is None:
            raise InvalidInputError('the input needs "segment"')
        if handed := given.get(GOES_ON):
            return Audience.from_json(handed["audience"]), Round.from_json(handed["round"])
        journey = start.journey
        name, occasion = execution, f"{execution}@{started}"
        audience = Audience(name, occasion, journey.name, journey.version, start.segment.name)
        counted = _Counted(self._lines(start.segment.name))
        key = self.storage.write(name, "round-0", counted)
        return audience, Round(0, counted.count, key)

    def _lines(self, segment: str) -> Iterator[bytes]:
        cursor: str | None = None
        while True:
            page = self.segments.members(segment, cursor, PAGE)
            for node, _ in page.members:
                yield Place(node).as_line()
            cursor = page.cursor
            if cursor is None:
                return


class _Counted:
    """Passes lines on and counts them."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self.count = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.count += 1
            yield line
