"""The reference stream: 100,000 events of 20,000 invented people, and what DuckDB makes of them.

Every figure about identity names this stream, so that figures can be compared: the same events must give the same
profiles, to the byte of a digest, before anybody's speed counts. It has visitors, known customers, and people who turn
up by site, app, till and mail address one after another; one event in fifty is delivered twice. It has no shared
devices, no late events and no dirty values: those are tested apart.

Shapes: an event of the generator is `{event_id, type, ts, ids, amount, ctx}`; `segment_call` is the same event as a
channel would post it. DuckDB reads those calls, so both sides read the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from omnicascade.domain.profile import Profile

EVENTS: Final = 100_000
PEOPLE: Final = 20_000
SEED: Final = 20240611
START_MS: Final = 1_700_000_000_000

STREAM_MD5: Final = "0e1426198ff92c003005b3c7e0cd4eb5"
"""Of the generator's events as compact JSON lines."""
PROFILES: Final = 22_896
DIGEST: Final = "036a920e490aa3d1"
"""What every correct resolver makes of the whole stream: see `digest`."""

EVERY_FIFTIETH: Final = 49
"""After so many events one of the last `RECENT` is delivered once more."""
RECENT: Final = 1_000

_CAMPAIGNS: Final = ("push", "email", "sms", "organic")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

type Entry = dict[str, Any]
"""An event as the generator makes it, or a Segment call."""


def reference_stream(count: int = EVENTS) -> list[Entry]:
    """The first `count` events of the stream, as the generator makes them."""
    chance = random.Random(SEED)
    people = [_Person.drawn(number) for number in range(PEOPLE)]
    weights = [chance.lognormvariate(0, 1) for _ in people]
    order = [*people, *[person for person in people if person.kind == "joiner"] * 5]
    order += chance.choices(people, weights, k=EVENTS - EVENTS // 50 - len(order))
    chance.shuffle(order)
    events: list[Entry] = []
    at_ms = START_MS
    for position, person in enumerate(order):
        at_ms += chance.randint(1, 2000)
        event = person.next_event(chance)
        events.append(
            {
                "event_id": f"{position:08x}-{chance.getrandbits(48):012x}",
                "type": event.type,
                "ts": at_ms,
                "ids": event.ids,
                "amount": event.amount,
                "ctx": {
                    "ua": "Mozilla/5.0 (X11; Linux x86_64)",
                    "url": f"/p/{chance.randrange(5000)}",
                    "utm": chance.choice(_CAMPAIGNS),
                },
            }
        )
        if position % EVERY_FIFTIETH == EVERY_FIFTIETH - 1:
            events.append(dict(events[-1 - chance.randrange(min(RECENT, len(events)))]))
        if len(events) >= count:
            return events[:count]
    return events


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one event says."""

    type: str
    ids: dict[str, str]
    amount: int = 0


@dataclass(slots=True)
class _Person:
    """Somebody who visits: 15 % join several channels, 25 % are known, 60 % stay anonymous."""

    number: int
    kind: str
    events: int = field(default=0)

    @classmethod
    def drawn(cls, number: int) -> _Person:
        place = number % 20
        return cls(number, "joiner" if place < 3 else "known" if place < 8 else "anonymous")

    def next_event(self, chance: random.Random) -> _Seen:
        """The person's next event; draws from `chance` in an order that the stream's checksum fixes."""
        self.events += 1
        cookie = {"cookie": self._cookie(chance.randrange(2) if self.kind == "joiner" else 0)}
        drawn = chance.random()
        if self.kind == "anonymous":
            return _Seen("page_view", cookie)
        if self.kind == "known":
            bought = chance.randint(500, 20000) if drawn < 0.15 else 0
            return _Seen("order" if bought else "page_view", cookie | self._email, bought)
        return self._joining(chance) if self.events <= 5 else self._joined(chance, drawn, cookie)

    def _joined(self, chance: random.Random, drawn: float, cookie: dict[str, str]) -> _Seen:
        if drawn < 0.30:
            by = chance.random()
            return _Seen("login", self._email | (cookie if by < 0.4 else self._install if by < 0.5 else self._phone))
        if drawn < 0.70:
            return _Seen("page_view", cookie)
        return _Seen("app_open", self._install) if drawn < 0.85 else self._purchase(chance)

    def _joining(self, chance: random.Random) -> _Seen:
        """The first five events bring site, app and till together by the mail address."""
        cookie = {"cookie": self._cookie(0)}
        match self.events:
            case 1:
                return _Seen("page_view", cookie)
            case 2:
                return _Seen("app_open", self._install)
            case 3:
                return self._purchase(chance)
            case 4:
                return _Seen("login", cookie | self._email)
            case _:
                return _Seen("login", self._install | self._email)

    def _purchase(self, chance: random.Random) -> _Seen:
        return _Seen("store_purchase", self._phone, chance.randint(500, 20000))

    @property
    def _email(self) -> dict[str, str]:
        return {"email": f"user{self.number:07d}@example.com"}

    @property
    def _phone(self) -> dict[str, str]:
        return {"phone": f"+7900{self.number:07d}"}

    @property
    def _install(self) -> dict[str, str]:
        return {"install": f"i{self.number:07d}"}

    def _cookie(self, browser: int) -> str:
        return f"c{self.number:07d}-{browser}"


def stream_md5(events: Iterable[Entry]) -> str:
    """The checksum of events as compact JSON lines."""
    lines = (f"{json.dumps(event, separators=(',', ':'))}\n".encode() for event in events)
    md5 = hashlib.md5(usedforsecurity=False)
    for line in lines:
        md5.update(line)
    return md5.hexdigest()


def segment_call(event: Entry) -> Entry:
    """The event as one Segment call: a page, or a track call for whatever else happened."""
    ids, page = event["ids"], {"url": event["ctx"]["url"], "path": event["ctx"]["url"]}
    context: Entry = {
        "userAgent": event["ctx"]["ua"],
        "page": page,
        "campaign": {"source": event["ctx"]["utm"]},
    }
    traits = {kind: ids[kind] for kind in ("email", "phone") if kind in ids}
    if traits:
        context["traits"] = traits
    if "install" in ids:
        context["externalIds"] = [{"id": ids["install"], "type": "install", "collection": "users", "encoding": "none"}]
    call: Entry = {
        "messageId": event["event_id"],
        "timestamp": _iso(event["ts"]),
        "context": context,
    }
    if "cookie" in ids:
        call["anonymousId"] = ids["cookie"]
    if event["amount"]:
        revenue = {"order_id": event["event_id"], "revenue": event["amount"], "currency": "USD"}
        return call | {"type": "track", "event": "Order Completed", "properties": revenue}
    if event["type"] == "page_view":
        return call | {"type": "page", "name": "Page", "properties": page}
    name = "Application Opened" if event["type"] == "app_open" else "Signed In"
    return call | {"type": "track", "event": name, "properties": {}}


def _iso(at_ms: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def write_calls(path: Path, events: Iterable[Entry]) -> Path:
    """Write the events to a file, one Segment call a line; returns the path."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(segment_call(event), separators=(',', ':'))}\n" for event in events)
    return path


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many profiles, and the digest over them."""

    profiles: int
    digest: str


_TYPES: Final[Mapping[str, str]] = {"anonymous_id": "cookie"}
"""Our names of identifier types in the generator's words, where they differ."""


def profile_line(profile: Profile) -> str:
    """One profile in the digest: `type:value|…;events;revenue;first ms;last ms`, identifiers sorted."""
    ids = sorted(
        f"{_TYPES.get(known.identifier.type, known.identifier.type)}:{known.identifier.value}"
        for known in profile.identifiers
    )
    revenue = sum(profile.counters.revenue.values(), Decimal())
    first, last = (round(moment.timestamp() * 1000) for moment in (profile.first_seen, profile.last_seen))
    return f"{'|'.join(ids)};{profile.counters.events};{revenue:.0f};{first};{last}"


def digest(profiles: Iterable[Profile]) -> Outcome:
    """The digest of our profiles; equal to DuckDB's when they are the same."""
    return digest_of_lines([profile_line(profile) for profile in profiles])


def digest_of_lines(lines: Sequence[str]) -> Outcome:
    """Lines sorted, joined by newlines, sha256, first 16 hexadecimal digits."""
    return Outcome(len(lines), hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16])


ORACLE: Final = """
create temp table event as
select messageId as message_id, any_value(epoch_ms(timestamp)) as ts,
       any_value(coalesce(properties.revenue, 0)) as amount,
       any_value(list_filter([
         'cookie:' || anonymousId, 'email:' || context.traits.email, 'phone:' || context.traits.phone,
         'install:' || list_extract(context.externalIds, 1).id], lambda x: x is not null)) as ids
from read_json(getvariable('calls'), format = 'newline_delimited', columns = {
  messageId: 'varchar', timestamp: 'timestamp', anonymousId: 'varchar', properties: 'struct(revenue bigint)',
  context: 'struct(traits struct(email varchar, phone varchar), externalIds struct(id varchar)[])'})
group by messageId;

create temp table node as select distinct unnest(ids) as id from event;

create temp table edge as
with pair as (select distinct ids[1] as a, unnest(ids[2:]) as b from event where len(ids) > 1)
select a, b from pair union all select b, a from pair;

create temp table label as
with recursive cc(id, comp) using key (id) as (
  select id, id from node
  union
  (select e.b, min(cc.comp) from cc join edge e on e.a = cc.id join recurring.cc r on r.id = e.b
   where cc.comp < r.comp group by e.b))
select id, comp from cc;
"""
"""Reads the file that the variable `calls` names: connected components of the identifiers named together. It knows no
limits and no trust, so it judges streams without conflicts only."""

ORACLE_PROFILES: Final = """
with counted as (
  select l.comp, count(*) as events, sum(e.amount) as revenue, min(e.ts) as first, max(e.ts) as last
  from event e join label l on l.id = e.ids[1] group by l.comp),
named as (select comp, string_agg(id, '|' order by id) as ids from label group by comp)
select format('{};{};{};{};{}', n.ids, c.events, c.revenue, c.first, c.last) as line
from counted c join named n on n.comp = c.comp order by line
"""


def oracle_lines(path: Path) -> list[str]:
    """DuckDB's profiles of a file of calls, as lines of the digest."""
    import duckdb

    with duckdb.connect() as database:
        database.execute("set variable calls = ?", [str(path)])
        database.execute(ORACLE)
        return [line for (line,) in database.execute(ORACLE_PROFILES).fetchall()]


def oracle(path: Path) -> Outcome:
    """DuckDB's digest of a file of calls."""
    return digest_of_lines(oracle_lines(path))


def in_batches[Thing](things: Sequence[Thing], size: int) -> Iterator[Sequence[Thing]]:
    """Runs of `size`, the last one shorter."""
    for start in range(0, len(things), size):
        yield things[start : start + size]
