"""Bugs that must never live unseen: each a small change at a place that some law depends on, and who sees it.

`old` is found exactly once in the module; a change that moves it is told, so that the list stays true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

IDENTITY: Final = "tests/domain/test_identity.py"
IDENTITY_LAWS: Final = "tests/domain/test_identity_laws.py"
IDENTIFIERS: Final = "tests/domain/test_identifiers.py"
PROJECTION: Final = "tests/domain/test_projection.py"
TRAIT_WORDS: Final = "tests/domain/test_trait_words.py"
PROFILE_LAWS: Final = "tests/usecases/test_profile_laws.py"
STORMS: Final = "tests/usecases/test_identity_storms.py"
WARM: Final = "tests/adapters/test_warm_memory.py"
EVENT_STORE: Final = "tests/adapters/test_event_store_contract.py"
CUSTOMER_STORE: Final = "tests/adapters/test_customer_store_contract.py"
ERASURE: Final = "tests/usecases/test_erase_customer.py"

_ROAD: Final = "usecases/project_profiles.py"
_IDENTITY: Final = "domain/identity.py"
_RESOLUTION: Final = "domain/resolution.py"
_FOLDING: Final = "domain/folding.py"
_JOINING: Final = "domain/joining.py"
_ORDER_MONEY: Final = "domain/order_money.py"
_MEMORY: Final = "adapters/memory_stores.py"


@dataclass(frozen=True)
class PlantedBug:
    """One bug.

    Attributes:
        name: what is wrong then.
        module: path below `omnicascade`.
        old: the text that is right.
        new: the text that is wrong.
        seen_by: test files, one of which at least must fail.
        quick: whether `make test` tries it, too.
    """

    name: str
    module: str
    old: str
    new: str
    seen_by: tuple[str, ...]
    quick: bool = False


PLANTED: Final = (
    # The road: events once, edges first, projections under their watermark.
    PlantedBug(
        "the watermark is skipped: a redelivered batch is folded again",
        _ROAD,
        "if _padded(arrival.sequence) > stored.watermark]",
        "if arrival.sequence]",
        (PROFILE_LAWS,),
    ),
    PlantedBug(
        "the watermark is that of a batch's first event",
        _ROAD,
        "watermark = max(_padded(arrival.sequence) for arrival in own)",
        "watermark = min(_padded(arrival.sequence) for arrival in own)",
        (PROFILE_LAWS,),
    ),
    PlantedBug(
        "projections are written before their edges, so that a crash loses edges",
        _ROAD,
        """        if edges:
            self.customers.propose(edges)
        stale = self.customers.save_projections([change.projection for change in changes])
""",
        """        stale = self.customers.save_projections([change.projection for change in changes])
        if edges:
            self.customers.propose(edges)
""",
        (STORMS, PROFILE_LAWS),
    ),
    PlantedBug(
        "projections that somebody else changed are given up",
        _ROAD,
        "left = {node: left[node] for node in left if node in again}",
        "left = dict[NodeId, Sequence[Arrival]]()",
        (PROFILE_LAWS,),
    ),
    PlantedBug(
        "an earlier proposal of a known pair is not stored",
        _ROAD,
        "if known is not None and known < at:",
        "if known is not None:",
        (PROFILE_LAWS,),
    ),
    PlantedBug(
        "an event that an erasure overtook stays",
        _ROAD,
        "        if overtaken:\n",
        "        if not overtaken:\n",
        (ERASURE, "tests/usecases/test_deliveries.py"),
    ),
    PlantedBug(
        "a batch that is delivered again believes what a warm projector remembers of an erased customer",
        _ROAD,
        "            if attempt == 0:\n",
        "            if attempt == 9:\n",
        (WARM,),
    ),
    # The stores: conditions, both ends, what is remembered.
    PlantedBug(
        "a warm projector keeps what another one has changed",
        "adapters/customer_store.py",
        "        self._written.forget(change.node for change in changes)\n",
        "        self._written.forget(())\n",
        (WARM,),
    ),
    PlantedBug(
        "a consistent read is answered from memory",
        "adapters/customer_store.py",
        "        if not consistent:\n",
        "        if nodes:\n",
        (WARM,),
    ),
    PlantedBug(
        "an event is stored over the one with its message id",
        "adapters/event_store.py",
        'self._table.put(_item(event, *place), "attribute_not_exists(pk)")',
        "self._table.put(_item(event, *place))",
        (EVENT_STORE,),
    ),
    PlantedBug(
        "a projection is replaced whoever was first",
        "adapters/customer_store.py",
        """'{keys.PROJECTION}' AND "seq"=?\"""",
        """'{keys.PROJECTION}' AND "seq"<>?\"""",
        (CUSTOMER_STORE,),
    ),
    PlantedBug(
        "the memory store replaces a projection whoever was first",
        _MEMORY,
        "if held.watermark != change.previous:",
        "if held.watermark == 'never':",
        (CUSTOMER_STORE, PROFILE_LAWS),
    ),
    PlantedBug(
        "an edge is forgotten at its second end",
        "adapters/customer_store.py",
        "                ends[a, b, place] = (edge, _at_end(a, b, place) | said)\n",
        "                ends[a, b, place] = (edge, _at_end(b, a, place) | said)\n",
        (CUSTOMER_STORE,),
    ),
    PlantedBug(
        "the memory store forgets an edge at its second end",
        _MEMORY,
        "for here, there in ((edge.b, edge.a), (edge.a, edge.b))]",
        "for here, there in ((edge.b, edge.a),)]",
        (CUSTOMER_STORE, PROFILE_LAWS),
    ),
    # Who is one customer.
    PlantedBug(
        "the latest event of a pair is kept instead of the earliest",
        _IDENTITY,
        "return self.order > held.order if self.by_hand else self.order < held.order",
        "return self.order > held.order",
        (IDENTITY, IDENTITY_LAWS),
    ),
    PlantedBug(
        "staff's first word stands for ever",
        _IDENTITY,
        "        return mine > theirs if self.by_hand else mine < theirs\n",
        "        return mine < theirs\n",
        (IDENTITY_LAWS,),
        quick=True,
    ),
    PlantedBug(
        "trust does not matter",
        _RESOLUTION,
        "return (edge.trust, epoch_ms(edge.at), edge.message_id,",
        "return (epoch_ms(edge.at), edge.message_id,",
        (IDENTITY_LAWS,),
        quick=True,
    ),
    PlantedBug(
        "a pair counts twice when two events name it in two directions",
        _RESOLUTION,
        "key = (edge.a, edge.b, edge.place) if one_way else (edge.b, edge.a, edge.place)",
        "key = (edge.a, edge.b, edge.place) if one_way or True else (edge.b, edge.a, edge.place)",
        (IDENTITY_LAWS,),
    ),
    PlantedBug(
        "two users may be one customer",
        "domain/identity_rules.py",
        '    "user_id": Limit(1),\n',
        '    "user_id": Limit(9),\n',
        (IDENTITY,),
    ),
    PlantedBug(
        "a window is no longer looked at: it counts for ever",
        _RESOLUTION,
        "        if limit.window is None:\n",
        "        if limit.window is None or over:\n",
        (IDENTITY_LAWS,),
    ),
    PlantedBug(
        "the walk stops at a stranger whose age would matter",
        "usecases/find_customer.py",
        "*(r.edge for r in resolution.refused if r.hangs_on_age)]",
        "*(r.edge for r in resolution.refused if not r.edge)]",
        (PROFILE_LAWS,),
    ),
    PlantedBug(
        "a separation is forgotten",
        _RESOLUTION,
        "if refusal is None and apart and _kept_apart(left, right, apart):",
        "if refusal is None and not apart and _kept_apart(left, right, apart):",
        (IDENTITY_LAWS,),
        quick=True,
    ),
    PlantedBug(
        "an exclusion is forgotten",
        _RESOLUTION,
        "if parted and _pair(edge) in parted:",
        "if parted and _pair(edge) in crowded:",
        (IDENTITY_LAWS,),
    ),
    PlantedBug(
        "an alias joins two known users",
        _RESOLUTION,
        "        if len(known) == 2:\n",
        "        if len(known) == 3:\n",
        (IDENTITY,),
    ),
    PlantedBug(
        "a session of a shared device joins whoever is named in it",
        _RESOLUTION,
        "if edge.b.type == SESSION and len(right.members) > 1:",
        "if edge.b.type == SESSION and len(right.members) > 9:",
        (IDENTITY_LAWS,),
    ),
    PlantedBug(
        "a super-node joins its first strangers",
        _RESOLUTION,
        "for node, others in partners.items() if len(others) > most)",
        "for node, others in partners.items() if len(others) > most * 99)",
        (IDENTITY_LAWS,),
    ),
    PlantedBug(
        "merges have no cap",
        _RESOLUTION,
        "if len(left.merging) + len(right.merging) + both_existed > rules.max_merges:",
        "if len(left.merging) + len(right.merging) > rules.max_merges:",
        (IDENTITY_LAWS,),
    ),
    PlantedBug(
        "identifiers have no cap",
        _RESOLUTION,
        "if len(left.members) + len(right.members) > rules.max_identifiers:",
        "if len(left.members) > rules.max_identifiers:",
        (IDENTITY,),
    ),
    PlantedBug(
        "placeholders identify somebody",
        "domain/identifiers.py",
        "if len(text) > LONGEST_VALUE or rules.blocks(text):",
        "if len(text) > LONGEST_VALUE:",
        (IDENTIFIERS,),
    ),
    PlantedBug(
        "a shared device names whoever stands at it",
        "domain/identifiers.py",
        "return [*people, session] if session else people or found",
        "return [*found, session] if session else found",
        (IDENTIFIERS, PROFILE_LAWS),
    ),
    # What is known of them.
    PlantedBug(
        "counters of two identifiers are not added",
        _ORDER_MONEY,
        "        events=left.events + right.events,\n",
        "        events=max(left.events, right.events),\n",
        (PROJECTION,),
        quick=True,
    ),
    PlantedBug(
        "the latest consent stands where two identifiers disagree",
        _JOINING,
        "            keep_strictest(consent, key, said)\n",
        "            keep_latest(consent, key, said)\n",
        (PROJECTION,),
    ),
    PlantedBug(
        "what was erased is folded again",
        _FOLDING,
        "if erased is not None and epoch_ms(event.received_at) <= erased:",
        "if erased is not None and epoch_ms(event.received_at) < 0:",
        (PROJECTION, ERASURE),
    ),
    PlantedBug(
        "the first word on a trait stands for ever",
        "domain/trait_words.py",
        "if held is not None and not held.stamp < stamp:",
        "if held is not None:",
        (PROJECTION, TRAIT_WORDS),
    ),
    PlantedBug(
        "a stranger's device can erase a trait",
        _JOINING,
        "void.get(node, ())",
        "()",
        (PROJECTION, TRAIT_WORDS),
    ),
    PlantedBug(
        "staff's words count as a customer's events",
        _FOLDING,
        "        if judges_identities(event):\n",
        "        if judges_identities(event) and erased:\n",
        (PROJECTION, PROFILE_LAWS),
    ),
    PlantedBug(
        "a profile shows the identifiers of strangers",
        _JOINING,
        "if not members or known.identifier.node_id in everybody:",
        "if known.identifier.node_id in everybody or members:",
        (PROFILE_LAWS,),
    ),
)
