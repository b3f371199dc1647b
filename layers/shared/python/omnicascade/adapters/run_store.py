"""Runs, their slots and their messages in the table, and what messages took of caps and budgets.

A live run stands in the head of its home node and in the index of live runs; when it ends, one transaction moves it
out of both. It never moves back, so whoever looks first among the live and then among the ended
misses none.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from omnicascade.adapters import keys
from omnicascade.adapters.claims import after_claim, budget_reason, cannot_pay, slot_taken, successor, without_contact
from omnicascade.adapters.customer_store import contacts_from, contacts_item, slot_item
from omnicascade.adapters.dynamo import (
    ConditionFailedError,
    Item,
    Table,
    WriteConflictError,
    delete_action,
    number,
    put_action,
    text,
    update_action,
)
from omnicascade.adapters.run_items import run_from, run_item
from omnicascade.contracts import LIVE_INDEX, LIVE_PARTITION_KEY, LIVE_SORT_KEY
from omnicascade.domain.deployment import Price
from omnicascade.domain.errors import BudgetSpentError, StaleWriteError
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.journeys.run import Run, home_of
from omnicascade.usecases.store_ports import Claim, LivePage, Reservation, SentMessage, Slot, StoredRun

ATTEMPTS: Final = 8
"""How often a contact is taken out of a log that others write at the same time, and a run is saved with it."""

_RUN = 0
"""The place of the run as it was read in the transactions of `save`."""

_NEW: Final = "attribute_not_exists(pk)"
_UNCHANGED: Final = "rev = :rev"


class DynamoRunStore:
    """`RunStore` on the table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def start(self, run: Run, slot: Slot | None) -> StoredRun:
        """See `RunStore.start`. Cost: 4 write units, and 1 in the index."""
        unchanged: str = _NEW
        values: Item = {}
        if slot and slot.node == home_of(run.run_id):
            unchanged, values = "entries = :entries", {":entries": number(slot.entries)}
        started, taken = StoredRun(run, 1), slot_taken(run, slot)
        try:
            self._table.transact([put_action(run_item(started), _NEW), put_action(slot_item(taken), unchanged, values)])
        except ConditionFailedError as error:
            existing = self.load(run.run_id)
            if existing:
                return existing
            raise StaleWriteError(f"{run.journey} was entered by this customer in the meantime") from error
        except WriteConflictError as error:
            raise StaleWriteError(str(error)) from error
        return started

    def load(self, run_id: str) -> StoredRun | None:
        """See `RunStore.load`. Cost: 1 read unit per 4 KB; one more request for an ended run."""
        for live in (True, False):
            item = self._table.get(*keys.run_key(run_id, live=live))
            if item:
                return run_from(item)
        return None

    def save(
        self,
        before: StoredRun,
        run: Run,
        *,
        token: str,
        entered: str | None = None,
        give_back: Claim | None = None,
    ) -> StoredRun:
        """See `RunStore.save`. Cost: 1 write unit per KB; four times that when the run ends, and moves; what is given
        back costs 1 read unit more and twice the writes."""
        after = successor(before, run, token, entered)
        ends = before.run.live and not run.live
        for _ in range(ATTEMPTS):
            actions = [*(_ending(before, after) if ends else [_replacing(before, after)])]
            actions += self._returning(give_back or Claim())
            try:
                self._carry_out(actions)
            except WriteConflictError as error:
                raise StaleWriteError(str(error)) from error
            except ConditionFailedError as error:
                if not error.failed or _RUN in error.failed:
                    raise StaleWriteError(f"run {run.run_id} changed since it was read") from error
                continue  # the log is another one by now
            return after
        raise StaleWriteError(f"what run {run.run_id} gives back keeps changing")

    def _carry_out(self, actions: Sequence[Item]) -> None:
        if len(actions) > 1:
            self._table.transact(actions)
            return
        (put,) = (action["Put"] for action in actions)
        self._table.put(put["Item"], put["ConditionExpression"], put["ExpressionAttributeValues"])

    def _returning(self, claim: Claim) -> list[Item]:
        """What gives a claim's contact and price back; nothing for a contact that is not in the log any more."""
        actions: list[Item] = []
        if claim.reservation:
            back = {":back": _money(-claim.reservation.price.amount)}
            actions.append(update_action(*_budget_key(claim.reservation), "ADD spent :back", values=back))
        if claim.contact and claim.log:
            item = self._table.get(claim.log.node, keys.CONTACTS)
            left = without_contact(contacts_from(item), claim.contact.message_id) if item else None
            if item and left:
                actions.append(put_action(contacts_item(left), _UNCHANGED, {":rev": item["rev"]}))
        return actions

    def claim(
        self, before: StoredRun, run: Run, claim: Claim, *, token: str = "", entered: str | None = None
    ) -> StoredRun:
        """See `RunStore.claim`. Cost: as `save`; with a contact or a reservation 2 write units per KB of each."""
        if claim.contact is None and claim.reservation is None:
            return self.save(before, run, token=token, entered=entered)
        after = successor(before, run, token, entered)
        actions = [put_action(run_item(after), _UNCHANGED, _as_of(before)), *_log_actions(claim)]
        budget = len(actions)
        actions += _budget_actions(claim.reservation)
        try:
            self._table.transact(actions)
        except ConditionFailedError as error:
            if claim.reservation and error.failed == frozenset({budget}):
                raise _spent(claim.reservation) from error
            raise StaleWriteError(f"run {run.run_id} or its customer's log changed since it was read") from error
        except WriteConflictError as error:
            raise StaleWriteError(str(error)) from error
        return after

    def spent(self, journey: str, channel: str, month: str) -> Price | None:
        """See `RunStore.spent`. Cost: 1 read unit."""
        item = self._table.get(*keys.budget_key(journey, channel, month))
        return Price(Decimal(item["spent"]["N"]), item["currency"]["S"]) if item and "currency" in item else None

    def live_runs(self, journey: str | None, cursor: str | None, limit: int) -> LivePage:
        """See `RunStore.live_runs`. Cost: 0.5 read units per 4 KB of keys; up to 8 requests a page."""
        first, after = keys.read_live_cursor(cursor) if cursor else ("0", "")
        found: list[str] = []
        for shard in range(int(first), keys.LIVE_SHARDS):
            lowest = f"{keys.live_key(after)}!" if after else f"{journey}#" if journey else "!"
            after = ""
            # `!` stands before and `~` behind everything that a run id is made of.
            items = self._table.query_index(
                limit + 1 - len(found),
                IndexName=LIVE_INDEX,
                KeyConditionExpression=f"{LIVE_PARTITION_KEY} = :shard AND {LIVE_SORT_KEY} BETWEEN :first AND :last",
                ExpressionAttributeValues={
                    ":shard": text(str(shard)),
                    ":first": text(lowest),
                    ":last": text(f"{journey}#~" if journey else "~"),
                },
            )
            found += [item["sk"]["S"].removeprefix(keys.LIVE_RUN_PREFIX) for item in items]
            if len(found) > limit:
                return LivePage(found[:limit], keys.live_cursor(found[limit - 1]))
        return LivePage(found, None)

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
        """See `RunStore.runs_of`. Cost: two queries per node."""
        named = f"{journey}_" if journey else ""
        found = {
            run.run_id: run
            for prefix in (keys.LIVE_RUN_PREFIX, keys.RUN_PREFIX)
            for node in sorted(nodes)
            for run in (run_from(item).run for item in self._table.query(node, f"{prefix}{named}"))
        }
        return sorted(found.values(), key=lambda run: (run.started_at, run.run_id), reverse=True)


def _replacing(before: StoredRun, after: StoredRun) -> Item:
    return put_action(run_item(after), _UNCHANGED, _as_of(before))


def _ending(before: StoredRun, after: StoredRun) -> list[Item]:
    """The run's move out of the live ones."""
    live = keys.run_key(after.run.run_id, live=True)
    return [delete_action(*live, _UNCHANGED, _as_of(before)), put_action(run_item(after))]


def _as_of(before: StoredRun) -> Item:
    return {":rev": number(before.revision)}


def _log_actions(claim: Claim) -> list[Item]:
    if claim.contact is None or claim.log is None:
        return []
    log = after_claim(claim, claim.log)
    if claim.log.revision == 0:
        return [put_action(contacts_item(log), _NEW)]
    return [put_action(contacts_item(log), _UNCHANGED, {":rev": number(claim.log.revision)})]


def _budget_actions(reservation: Reservation | None) -> list[Item]:
    if reservation is None:
        return []
    room = reservation.limit.amount - reservation.price.amount
    if cannot_pay(reservation):
        raise _spent(reservation)
    pk, sk = _budget_key(reservation)
    values = {
        ":price": _money(reservation.price.amount),
        ":room": _money(room),
        ":currency": text(reservation.price.currency),
    }
    unspent = "attribute_not_exists(spent) OR (spent <= :room AND currency = :currency)"
    return [update_action(pk, sk, "SET currency = :currency ADD spent :price", unspent, values)]


def _budget_key(reservation: Reservation) -> tuple[str, str]:
    return keys.budget_key(reservation.journey, reservation.channel.value, reservation.month)


def _money(amount: Decimal) -> Item:
    return {"N": f"{amount:f}"}


def _spent(reservation: Reservation) -> BudgetSpentError:
    return BudgetSpentError(budget_reason(reservation))
