"""The queues between the functions, and where messages go that nobody could process."""

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.acknowledgements import acknowledge

MAX_RECEIVES: Final = 5
KEPT: Final = Duration.days(14)
"""SQS's longest retention. Source: SQS quotas."""
VISIBILITY_FACTOR: Final = 6
"""A message stays hidden for six function time-outs, so that throttled retries fit. Source: Lambda developer guide,
"Using Lambda with Amazon SQS", configuring a queue."""


class WorkQueue(Construct):
    """A queue that one function reads, with its dead-letter queue. Attributes `queue` and `dead_letters`."""

    def __init__(self, scope: Construct, construct_id: str, *, reader_timeout: Duration) -> None:
        """Create both queues; `reader_timeout` is the time-out of the function that reads."""
        super().__init__(scope, construct_id)
        self.dead_letters = _queue(self, "DeadLetters")
        self.queue = _queue(
            self,
            "Queue",
            visibility_timeout=Duration.seconds(VISIBILITY_FACTOR * int(reader_timeout.to_seconds())),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=MAX_RECEIVES),
        )


class StreamFailures(Construct):
    """Where the address of a batch goes that a stream reader gave up on. Attribute `queue`.

    Only shard and sequence numbers are kept there: the events themselves stay in the table.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """Create the queue."""
        super().__init__(scope, construct_id)
        self.queue = _queue(self, "Queue")
        acknowledge(
            self.queue,
            "AwsSolutions-SQS3",
            "This is itself the dead-letter queue of the stream's readers; a redrive policy would hide its messages.",
        )


def _queue(
    scope: Construct,
    construct_id: str,
    *,
    visibility_timeout: Duration | None = None,
    dead_letter_queue: sqs.DeadLetterQueue | None = None,
) -> sqs.Queue:
    # SQS's own encryption: SNS delivers to it without a key policy, and it costs nothing per request.
    return sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=KEPT,
        visibility_timeout=visibility_timeout,
        dead_letter_queue=dead_letter_queue,
    )
