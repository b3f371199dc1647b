"""A projection: all events of one identifier, added up. `folding.py` tells how, `joining.py` what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.profile import Counters, KnownIdentifier
from omnicascade.domain.spoken import Blocked, Said
from omnicascade.domain.trait_words import Trait


def _nothing() -> dict[Any, Any]:  # a quarter of the cost of calling `dict[str, …]`, and a projection has seven
    return {}


NO_COUNTS: Final = Counters()


@dataclass(frozen=True, slots=True)
class Projection:
    """All events of one identifier, added up.

    Attributes:
        traits: the latest certain word on each leaf, by path (see trait_words).
        first_ms, last_ms: event times (Unix ms).
        linked: edges these events proposed and the store holds: `<other node>#<place>` to the event time (ms) it holds
            them from. Only saves asking the store again; it may know too little, never too much.
        folded: how many stored events were added, whatever they say; erased ones do not stay stored.
        erased_ms: when all of this was erased last (Unix ms); what was received until then does not count.
        doubts: words on traits that are void if their event turns out to be the first of its kind (see trait_words).
        computed: states of the computed traits, by key (see `computed.traits`).
        generation: the rebuild that made it last; empty until the first one.
    """

    traits: Mapping[str, Trait] = field(default_factory=_nothing)
    seen: Mapping[NodeId, KnownIdentifier] = field(default_factory=_nothing)
    consent: Mapping[str, Said] = field(default_factory=_nothing)
    blocked: Mapping[str, Blocked] = field(default_factory=_nothing)
    counters: Counters = NO_COUNTS
    first_ms: int | None = None
    last_ms: int | None = None
    linked: Mapping[str, int] = field(default_factory=_nothing)
    folded: int = 0
    erased_ms: int | None = None
    doubts: Mapping[str, Mapping[str, Trait]] = field(default_factory=_nothing)
    computed: Mapping[str, Any] = field(default_factory=_nothing)
    generation: str = ""
