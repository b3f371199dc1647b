"""The loop of an import: rows in, batches out, nothing confirmed that is not stored.

Why it exists apart from files, network and screen: these are arguments, so one loop sends, rehearses and is tested.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from omnicascade.cli.csv_source import Row
from omnicascade.cli.import_journal import Checkpoint, Rejected
from omnicascade.cli.import_options import BATCH_LIMIT_CALLS
from omnicascade.cli.intake_client import BATCH_LIMIT_BYTES, Rejection
from omnicascade.cli.joins import Joins
from omnicascade.cli.row_calls import MappedCall, RowMapper
from omnicascade.domain.errors import InvalidInputError

_ENVELOPE_BYTES: Final = len(b'{"batch":[]}')

type Deliver = Callable[[Sequence[bytes]], Sequence[Rejection]]
type Commit = Callable[[Checkpoint, Sequence[Rejected]], Checkpoint]


@dataclass(slots=True)
class _Batch:
    """What is waiting to be sent, and the rows it stands for."""

    calls: list[MappedCall]
    rejected: list[Rejected]
    rows: int = 0
    size_bytes: int = _ENVELOPE_BYTES

    def has_room_for(self, calls: Sequence[MappedCall], limit: int) -> bool:
        size = self.size_bytes + sum(len(call.body) + 1 for call in calls)
        return self.rows < BATCH_LIMIT_CALLS and len(self.calls) + len(calls) <= limit and size <= BATCH_LIMIT_BYTES

    def add(self, calls: Sequence[MappedCall]) -> None:
        self.calls += calls
        self.size_bytes += sum(len(call.body) + 1 for call in calls)


def import_rows(
    rows: Iterable[Row],
    mapper: RowMapper,
    joins: Joins,
    start: Checkpoint,
    *,
    deliver: Deliver,
    commit: Commit,
    batch_size: int = BATCH_LIMIT_CALLS,
) -> Checkpoint:
    """Send every row after `start`, batch by batch; the calls of one row are never parted.

    Args:
        rows: all rows of the file, in order, those before `start` included.
        mapper: what a row becomes.
        joins: what other files add to a row.
        start: what an earlier import has confirmed.
        deliver: sends the JSON of some calls and returns those refused.
        commit: writes down a confirmed checkpoint and its refused rows, and returns it.
        batch_size: most calls in one batch.

    Returns:
        The last checkpoint.

    Raises:
        OmnicascadeError: whatever `deliver` and `commit` raise; everything up to the last commit stands.
    """
    confirmed, batch, reached = start, _Batch([], []), start
    for row in rows:
        if row.number <= start.rows:
            if not row.problem:
                mapper.pass_over(joins.widen(row.cells))
            continue
        calls, refused = _map_row(row, mapper, joins)
        if not batch.has_room_for(calls, batch_size) and batch.rows:
            confirmed = _flush(batch, reached, confirmed, deliver, commit)
            batch, reached = _Batch([], []), confirmed
        batch.add(calls)
        batch.rejected += refused
        batch.rows += 1
        reached = replace(
            reached,
            rows=row.number,
            line=row.line,
            position_bytes=row.end_bytes,
            skipped=reached.skipped + (not calls and not refused),
        )
    return _flush(batch, reached, confirmed, deliver, commit) if batch.rows else confirmed


def _map_row(row: Row, mapper: RowMapper, joins: Joins) -> tuple[Sequence[MappedCall], Sequence[Rejected]]:
    if row.problem:
        return (), [Rejected(row.line, "", row.problem.code, row.problem.message)]
    try:
        return mapper.map(row.line, joins.widen(row.cells)), ()
    except InvalidInputError as error:
        place = f"{error.path}: " if error.path else ""
        return (), [Rejected(row.line, "", error.code, f"{place}{error.message}")]


def _flush(batch: _Batch, reached: Checkpoint, confirmed: Checkpoint, deliver: Deliver, commit: Commit) -> Checkpoint:
    """Send a batch and write it down."""
    refused = {r.index: r for r in (deliver([call.body for call in batch.calls]) if batch.calls else ())}
    accepted = dict(confirmed.accepted)
    rejected = list(batch.rejected)
    for index, call in enumerate(batch.calls):
        if answer := refused.get(index):
            rejected.append(Rejected(call.line, call.label, answer.code, answer.message))
        else:
            accepted[call.label] = accepted.get(call.label, 0) + 1
    rejected.sort(key=lambda r: r.line)
    return commit(replace(reached, accepted=accepted, rejected=confirmed.rejected + len(rejected)), rejected)
