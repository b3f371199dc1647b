"""Provider feedback, wired: the table that remembers messages, and the events queue."""

from collections.abc import Iterable, Sequence

from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.events_queue import SqsEventQueue
from omnicascade.adapters.run_store import DynamoRunStore
from omnicascade.settings import Settings
from omnicascade.usecases.receive_feedback import FeedbackRecord, Refusal, receive_feedback
from omnicascade.wiring.clients import client
from omnicascade.wiring.clock import now


class FeedbackReceiver:
    """`receive_feedback` for one deployment, at the present moment."""

    def __init__(self, settings: Settings) -> None:
        self._queue = SqsEventQueue(client("sqs"), settings.events_queue_url)
        self._messages = DynamoRunStore(Table(client("dynamodb"), settings.table))

    def __call__(self, records: Iterable[FeedbackRecord]) -> Sequence[Refusal]:
        """See `receive_feedback`."""
        return receive_feedback(records, queue=self._queue, messages=self._messages, now=now())
