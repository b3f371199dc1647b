"""The runs' store in memory, with the table's own conditions, for tests and rehearsals.

Slots, logs and live runs are kept beside the customers, as the table keeps them. Not for several threads at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal

from omnicascade.adapters import keys
from omnicascade.adapters.claims import after_claim, budget_reason, cannot_pay, slot_taken, successor, without_contact
from omnicascade.adapters.memory_stores import MemoryCustomerStore
from omnicascade.domain.deployment import Price
from omnicascade.domain.errors import BudgetSpentError, StaleWriteError
from omnicascade.domain.identifiers import NodeId
from omnicascade.domain.journeys.run import Run, home_of
from omnicascade.usecases.store_ports import Claim, LivePage, Reservation, SentMessage, Slot, StoredRun


class MemoryRunStore:
    """`RunStore` in memory."""

    def __init__(self, customers: MemoryCustomerStore) -> None:
        self._customers = customers
        self._homes: dict[str, NodeId] = {}
        self._messages: dict[str, SentMessage] = {}
        self._budgets: dict[tuple[str, str], Price] = {}

    def start(self, run: Run, slot: Slot | None) -> StoredRun:
        """See `RunStore.start`."""
        existing = self.load(run.run_id)
        if existing:
            return existing
        node, key = home_of(run.run_id), keys.slot_key(run.journey, run.key)
        slots = self._customers.at(node).slots
        held, read = slots.get(key), slot if slot and slot.node == node else None
        if (held and held.entries) != (read and read.entries):
            raise StaleWriteError(f"{run.journey} was entered by this customer in the meantime")
        slots[key] = slot_taken(run, slot)
        return self._keep(StoredRun(run, 1))

    def _keep(self, stored: StoredRun) -> StoredRun:
        node = home_of(stored.run.run_id)
        self._homes[stored.run.run_id] = node
        self._customers.at(node).runs[stored.run.run_id] = stored
        return stored

    def load(self, run_id: str) -> StoredRun | None:
        """See `RunStore.load`."""
        node = self._homes.get(run_id)
        return self._customers.at(node).runs.get(run_id) if node else None

    def save(
        self,
        before: StoredRun,
        run: Run,
        *,
        token: str,
        entered: str | None = None,
        give_back: Claim | None = None,
    ) -> StoredRun:
        """See `RunStore.save`."""
        self._require(before)
        self._give_back(give_back or Claim())
        return self._keep(successor(before, run, token, entered))

    def _require(self, before: StoredRun) -> None:
        held = self.load(before.run.run_id)
        if held is None or held.revision != before.revision:
            raise StaleWriteError(f"run {before.run.run_id} changed since it was read")

    def claim(
        self, before: StoredRun, run: Run, claim: Claim, *, token: str = "", entered: str | None = None
    ) -> StoredRun:
        """See `RunStore.claim`."""
        if claim.reservation and cannot_pay(claim.reservation):
            raise BudgetSpentError(budget_reason(claim.reservation))
        self._require(before)
        if claim.contact and claim.log:
            held = self._customers.at(claim.log.node).contacts
            if (held.revision if held else 0) != claim.log.revision:
                raise StaleWriteError(f"the contacts of {claim.log.node} changed since they were read")
        if claim.reservation:
            self._reserve(claim.reservation)
        if claim.contact and claim.log:
            self._customers.at(claim.log.node).contacts = after_claim(claim, claim.log)
        return self.save(before, run, token=token, entered=entered)

    def _reserve(self, reservation: Reservation) -> None:
        spent = self._spent(reservation)
        within = spent.currency == reservation.price.currency
        if not within or spent.amount + reservation.price.amount > reservation.limit.amount:
            raise BudgetSpentError(budget_reason(reservation))
        self._budgets[_place(reservation)] = replace(spent, amount=spent.amount + reservation.price.amount)

    def _spent(self, reservation: Reservation) -> Price:
        return self._budgets.get(_place(reservation), Price(Decimal(0), reservation.price.currency))

    def _give_back(self, claim: Claim) -> None:
        if claim.contact and claim.log:
            at = self._customers.at(claim.log.node)
            at.contacts = (at.contacts and without_contact(at.contacts, claim.contact.message_id)) or at.contacts
        if claim.reservation:
            spent = self._spent(claim.reservation)
            left = replace(spent, amount=spent.amount - claim.reservation.price.amount)
            self._budgets[_place(claim.reservation)] = left

    def spent(self, journey: str, channel: str, month: str) -> Price | None:
        """See `RunStore.spent`."""
        return self._budgets.get(keys.budget_key(journey, channel, month))

    def live_runs(self, journey: str | None, cursor: str | None, limit: int) -> LivePage:
        """See `RunStore.live_runs`."""
        after = _place_in_index(keys.read_live_cursor(cursor)[1]) if cursor else ("", "")
        live = [
            run_id
            for run_id in sorted(self._homes, key=_place_in_index)
            if (stored := self.load(run_id)) and stored.run.live and journey in (None, stored.run.journey)
        ]
        left = [run_id for run_id in live if _place_in_index(run_id) > after]
        return LivePage(left[:limit], keys.live_cursor(left[limit - 1]) if len(left) > limit else None)

    def kept_at(self, node: NodeId) -> list[StoredRun]:
        """Every run kept at a node; for the stores of this package."""
        return list(self._customers.at(node).runs.values())

    def forget(self, run_ids: Collection[str] = (), provider_ids: Collection[str] = ()) -> None:
        """Drop runs and messages; for the stores of this package."""
        for run_id in run_ids:
            node = self._homes.pop(run_id, None)
            if node:
                self._customers.at(node).runs.pop(run_id, None)
        for provider_id in provider_ids:
            self._messages.pop(provider_id, None)

    def note_message(self, message: SentMessage) -> None:
        """See `RunStore.note_message`."""
        self._messages[message.provider_id] = message

    def find_message(self, provider_id: str) -> SentMessage | None:
        """See `RunStore.find_message`."""
        return self._messages.get(provider_id)

    def runs_of(self, nodes: Collection[NodeId], journey: str | None = None) -> Sequence[Run]:
        """See `RunStore.runs_of`."""
        found = [
            stored.run for node in set(nodes) for stored in self.kept_at(node) if journey in (None, stored.run.journey)
        ]
        return sorted(found, key=lambda run: (run.started_at, run.run_id), reverse=True)


def _place(reservation: Reservation) -> tuple[str, str]:
    return keys.budget_key(reservation.journey, reservation.channel.value, reservation.month)


def _place_in_index(run_id: str) -> tuple[str, str]:
    return keys.live_shard(run_id), keys.live_key(run_id)
