"""Runs, their slots and their messages in the table."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from omnicascade.adapters import keys
from omnicascade.adapters.customer_store import slot_item
from omnicascade.adapters.dynamo import ConditionFailedError, Item, Table, number, text
from omnicascade.domain.errors import StaleWriteError
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.journeys import run as runs
from omnicascade.domain.journeys.run import Run
from omnicascade.usecases.store_ports import SentMessage, Slot, StoredRun


class DynamoRunStore:
    """`RunStore` on the table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def start(self, run: Run, slot: Slot | None) -> StoredRun:
        """See `RunStore.start`. Cost: 4 write units."""
        node, _ = keys.run_key(run.run_id)
        taken = Slot(
            node=NodeId(node),
            journey=run.journey,
            key=run.key,
            run_id=run.run_id,
            live=run.status == "live",
            entries=(slot.entries if slot else 0) + 1,
            last_started=run.started_at,
            first_started=slot.first_started if slot else run.started_at,
            anchor=run.anchor,
        )
        unchanged = "attribute_not_exists(pk)"
        values: Item = {}
        if slot and slot.node == node:
            unchanged, values = "entries = :entries AND live = :live", _as_read(slot)
        started = StoredRun(run, 1)
        try:
            self._table.write_together(
                [(_run_item(started), "attribute_not_exists(pk)", {}), (slot_item(taken), unchanged, values)]
            )
        except ConditionFailedError as error:
            existing = self.load(run.run_id)
            if existing:
                return existing
            raise StaleWriteError(f"{run.journey} was entered by this customer in the meantime") from error
        return started

    def load(self, run_id: str) -> StoredRun | None:
        """See `RunStore.load`. Cost: 1 read unit per 4 KB."""
        item = self._table.get(*keys.run_key(run_id))
        return run_from(item) if item else None

    def save(self, before: StoredRun, run: Run, *, token: str) -> StoredRun:
        """See `RunStore.save`. Cost: 1 write unit per KB; twice that and 2 for the slot when the run ends."""
        after = StoredRun(run, before.revision + 1, token)
        condition, values = "rev = :rev", {":rev": number(before.revision)}
        ends = before.run.status == "live" and run.status != "live"
        try:
            if ends:
                self._end(before, after)
            else:
                self._table.put(_run_item(after), condition, values)
        except ConditionFailedError as error:
            raise StaleWriteError(f"run {run.run_id} changed since it was read") from error
        return after

    def _end(self, before: StoredRun, after: StoredRun) -> None:
        run = after.run
        node, _ = keys.run_key(run.run_id)
        stored = self._table.get(node, keys.slot_key(run.journey, run.key))
        writes = [(_run_item(after), "rev = :rev", {":rev": number(before.revision)})]
        if stored and stored["run"] == text(run.run_id):
            freed = stored | {"live": {"BOOL": False}}
            writes.append((freed, "run = :run", {":run": text(run.run_id)}))
        self._table.write_together(writes)

    def note_message(self, message: SentMessage) -> None:
        """See `RunStore.note_message`. Cost: 1 write unit."""
        pk, sk = keys.message_key(message.provider_id)
        state = {
            "provider_id": message.provider_id,
            "message_id": message.message_id,
            "run_id": message.run_id,
            "journey": message.journey,
            "step": message.step,
            "channel": message.channel,
            "template": message.template,
            "profile_id": message.profile_id,
            "to": message.to,
            "at": message.at.isoformat(),
            "outcome": message.outcome,
            "cost": dict(message.cost),
        }
        self._table.put({"pk": text(pk), "sk": text(sk), "state": text(json.dumps(state))})

    def find_message(self, provider_id: str) -> SentMessage | None:
        """See `RunStore.find_message`. Cost: 1 read unit."""
        item = self._table.get(*keys.message_key(provider_id))
        if item is None:
            return None
        state = json.loads(item["state"]["S"])
        return SentMessage(**state | {"at": datetime.fromisoformat(state["at"])})

    def runs_of(self, nodes: Collection[NodeId], journey: str | None = None) -> Sequence[Run]:
        """See `RunStore.runs_of`. Cost: one query per node."""
        prefix = f"R#{journey}_" if journey else "R#"
        found = [run_from(item).run for node in sorted(nodes) for item in self._table.query(node, prefix)]
        return sorted(found, key=lambda run: (run.started_at, run.run_id), reverse=True)


def _as_read(slot: Slot) -> Item:
    return {":entries": number(slot.entries), ":live": {"BOOL": slot.live}}


def _run_item(stored: StoredRun) -> Item:
    pk, sk = keys.run_key(stored.run.run_id)
    return {
        "pk": text(pk),
        "sk": text(sk),
        "rev": number(stored.revision),
        "status": text(stored.run.status),
        "token": text(stored.token),
        "state": text(json.dumps(runs.to_json(stored.run), separators=(",", ":"))),
    }


def run_from(item: Item) -> StoredRun:
    """The run that an item keeps."""
    run = runs.from_json(json.loads(item["state"]["S"]))
    return StoredRun(run, int(item["rev"]["N"]), item["token"]["S"])
