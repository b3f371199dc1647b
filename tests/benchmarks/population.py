"""Whether the engine's messages to a drawn population are exactly those of an independent oracle.

Every customer, channel and microsecond is compared. A count, no time: one run is exact, and the digest shows that two
runs were the same.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from multiprocessing import get_context
from os import cpu_count
from typing import Any, Final

from omnicascade.adapters.liquid_renderer import LiquidRenderer
from omnicascade.adapters.memory_configuration import MemoryConfigurationStore
from omnicascade.domain.deployment import Channel, Deployment
from omnicascade.domain.identifiers import Identifier
from omnicascade.domain.journeys.definition.loading import load_definition
from omnicascade.domain.rehearsal.scenario import Arrives, Consents, Happening, Reacts, Scenario, event_of, opening_of
from omnicascade.domain.rehearsal.stage import Stage
from omnicascade.domain.rehearsal.world import rehearse
from omnicascade.domain.templates import Template, Wording
from omnicascade.usecases.rehearse import Quotes
from tests.benchmarks.drawn_customers import PARAMETERS, START, Act, Customer, customer
from tests.benchmarks.figures import Figure
from tests.benchmarks.message_oracle import DEFAULT_ZONE, JOURNEY, Message, held_out, messages

POPULATION: Final = 200_000
_SHARE: Final = 5_000
_SHOWN: Final = 5
_MONTH: Final = timedelta(days=30)
_TEMPLATE: Final = Template(
    "cart", Wording(subject="Your basket", text="Your basket is waiting.", url="https://s.example/c")
)
_EVENTS: Final = {"added": "Product Added", "order": "Order Completed"}


@dataclass(slots=True)
class Compared:
    """What was found of some customers.

    Attributes:
        messages: by channel.
        facts: customers held out, written to and never written to.
        digest: of every message, in order.
        different: customers whose messages are not the oracle's.
        shown: the first of them, in words.
    """

    messages: Counter[str] = field(default_factory=Counter[str])
    facts: Counter[str] = field(default_factory=Counter[str])
    digest: str = ""
    different: int = 0
    shown: list[str] = field(default_factory=list[str])


def measure(runs: int, progress: Callable[[str], None]) -> list[Figure]:
    """Differences in the whole population; `runs` changes nothing, a count is a count."""
    del runs
    progress(f"population: {POPULATION:,} customers; {PARAMETERS}")
    whole = Compared()
    shares = [range(first, first + _SHARE) for first in range(0, POPULATION, _SHARE)]
    with ProcessPoolExecutor(cpu_count(), mp_context=get_context("spawn")) as pool:
        for number, part in enumerate(pool.map(compare, shares), 1):
            whole = _both(whole, part)
            if number % 10 == 0:
                progress(f"population: {number * _SHARE:,} customers, {whole.different} different {whole.shown[:1]}")
    sent = ", ".join(f"{count:,} {channel}" for channel, count in sorted(whole.messages.items()))
    told = ", ".join(f"{count:,} {fact}" for fact, count in sorted(whole.facts.items()))
    return [
        Figure(
            name="population.customers_that_differ",
            value=whole.different,
            unit="customers",
            floor=0,
            goal=0,
            note=f"of {POPULATION:,}, by an independent oracle; {told}",
        ),
        Figure(
            name="population.messages",
            value=whole.messages.total(),
            unit="messages",
            note=f"{sent}; digest {whole.digest[:16]}; {PARAMETERS}",
        ),
    ]


def compare(numbers: Iterable[int]) -> Compared:
    """The engine's messages beside the oracle's, customer by customer."""
    found, stage, digest = Compared(), _stage(), sha256()
    for number in numbers:
        drawn = customer(number)
        scenario = _scenario(drawn)
        profile_id = scenario.opening[0].node_id
        ours, theirs = _rehearsed(stage, scenario), messages(drawn, profile_id)
        if sorted(ours) != sorted(theirs):
            found.different += 1
            found.shown.append(f"customer {number}: {_spoken(ours)}, and by the oracle {_spoken(theirs)}")
        digest.update(f"{number} {_spoken(theirs)}\n".encode())
        found.messages.update(channel for channel, _ in ours)
        found.facts["held out" if held_out(profile_id) else "written to" if ours else "not written to"] += 1
    del found.shown[_SHOWN:]
    found.digest = digest.hexdigest()
    return found


def _both(one: Compared, other: Compared) -> Compared:
    return Compared(
        one.messages + other.messages,
        one.facts + other.facts,
        sha256(f"{one.digest}{other.digest}".encode()).hexdigest(),
        one.different + other.different,
        [*one.shown, *other.shown][:_SHOWN],
    )


def _spoken(sent: Iterable[Message]) -> str:
    return " ".join(f"{channel}@{at.isoformat()}" for channel, at in sorted(sent)) or "nothing"


def _stage() -> Stage:
    deployment = Deployment(default_zone=DEFAULT_ZONE)
    journey = load_definition(JOURNEY)
    shelf = MemoryConfigurationStore(deployment)
    return Stage(journey, deployment, Quotes(journey, deployment, LiquidRenderer(), shelf, {"cart": _TEMPLATE}))


def _rehearsed(stage: Stage, scenario: Scenario) -> list[Message]:
    return [(sent.channel.value, sent.at) for sent in rehearse(stage, scenario).messages]


def _scenario(drawn: Customer) -> Scenario:
    known = _identifiers(drawn)
    stated = {"timezone": drawn.zone, "address": {"country": drawn.country} if drawn.country else None}
    traits: dict[str, Any] = {name: value for name, value in stated.items() if value}
    consent = dict.fromkeys((f"{channel}/promotions" for channel in sorted(drawn.denied)), False)
    dead = [known[0]] if drawn.email_suppressed else []
    opening = opening_of(known, START, traits=traits, consent=consent, suppressed=dead)
    happenings = tuple(_happening(drawn, act, opening[0].identifiers) for act in drawn.acts)
    return Scenario(START, START + _MONTH, opening, happenings)


def _identifiers(drawn: Customer) -> tuple[Identifier, ...]:
    values = {
        "email": f"customer-{drawn.number}@example.com" if "email" in drawn.reached else "",
        "phone": drawn.phone,
        "ios.push_token": f"token-{drawn.number}" if "push" in drawn.reached else "",
        "anonymous_id": f"visitor-{drawn.number}",
    }
    return tuple(Identifier(kind, value) for kind, value in values.items() if value)


def _happening(drawn: Customer, act: Act, known: tuple[Identifier, ...]) -> Happening:
    match act.kind:
        case "added" | "order":
            body = {"properties": {"cart_id": f"{act.about}-{drawn.number}", "total": 40}}
            said = event_of("track", _EVENTS[act.kind], f"{act.kind} {act.about} {act.at}", act.at, known[:1], body)
            return Arrives(act.at, said)
        case "deny" | "grant":
            return Consents(act.at, {f"{act.about}/promotions": act.kind == "grant"})
        case "tap" | "click" | "visit" | "reply" | "open" | "delivered" | "bounce":
            return Reacts(act.at, act.kind, Channel(act.about))
        case _:
            raise ValueError(act.kind)
