"""Whether a journey is paused, asked for every run that is moved: cheap while it is not, exact once it is.

Exists because staff close a journey with one write, and its runs must not have to wait until each was told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omnicascade.usecases.store_ports import JourneyListing, JourneyStore


def nothing_paused(_journey: str) -> bool:
    """No journey is."""
    return False


@dataclass(frozen=True, slots=True)
class PauseSign:
    """Bound once per invocation, with the listing that was read at its beginning.

    A journey that was not paused then is not asked for again: the errand that pauses its runs makes their claims fail.
    """

    journeys: JourneyStore
    listing: Sequence[JourneyListing]

    def __call__(self, journey: str) -> bool:
        """Whether it is paused. Cost: nothing, or one read where it was paused when this was bound."""
        return is_paused(self.listing, journey) and is_paused(self.journeys.listing(), journey)


def is_paused(listing: Sequence[JourneyListing], journey: str) -> bool:
    """Whether a listing says so of a journey."""
    return any(line.name == journey and line.paused for line in listing)
