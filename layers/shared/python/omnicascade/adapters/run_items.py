"""A run as an item of the table: apart from the store, because erasing reads runs too.

A run of three messages is 2 KB of JSON that repeats itself, and is written eight times; compressed it is 600 bytes, and
every write costs one unit. A short one stays readable.
"""

from __future__ import annotations

import json
import zlib
from datetime import datetime
from typing import Final

from omnicascade.adapters import keys
from omnicascade.adapters.dynamo import Item, number, text
from omnicascade.contracts import LIVE_DUE, LIVE_PARTITION_KEY, LIVE_SORT_KEY
from omnicascade.domain.journeys import run as runs
from omnicascade.domain.journeys.run import Run
from omnicascade.usecases.store_ports import StoredRun

LONGEST_PLAIN: Final = 700
"""Characters of a state that is stored as it is: with keys and index such an item still takes one write unit, 1 KB."""


def run_item(stored: StoredRun) -> Item:
    """The stored form of a run; only a live one has the attributes of the index of live runs."""
    run = stored.run
    pk, sk = keys.run_key(run.run_id, live=run.live)
    item: Item = {
        "pk": text(pk),
        "sk": text(sk),
        "rev": number(stored.revision),
        "token": text(stored.token),
        "state": _packed(json.dumps(runs.to_json(run), separators=(",", ":"))),
    }
    if stored.entered:
        item["entered"] = text(stored.entered)
    if stored.rings_at:
        item["rings"] = text(stored.rings_at.isoformat())
    return item | _listed(run) if run.live else item


def _listed(run: Run) -> Item:
    listed = {
        LIVE_PARTITION_KEY: text(keys.live_shard(run.run_id)),
        LIVE_SORT_KEY: text(keys.live_key(run.run_id)),
    }
    moment = run.next_moment
    return listed if moment is None else {**listed, LIVE_DUE: number(int(moment.timestamp()))}


def run_from(item: Item) -> StoredRun:
    """Read what `run_item` wrote."""
    run = runs.from_json(json.loads(_unpacked(item["state"])))
    entered = item["entered"]["S"] if "entered" in item else ""
    rings_at = datetime.fromisoformat(item["rings"]["S"]) if "rings" in item else None
    return StoredRun(run, int(item["rev"]["N"]), item["token"]["S"], entered, rings_at)


def _packed(state: str) -> Item:
    return text(state) if len(state) <= LONGEST_PLAIN else {"B": zlib.compress(state.encode(), 6)}


def _unpacked(attribute: Item) -> str | bytes:
    return zlib.decompress(attribute["B"]) if "B" in attribute else attribute["S"]
