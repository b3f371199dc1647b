"""Functions that are called without anybody waiting: tried again, then handed to a queue, as Lambda does it.

Source: Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation" and "Capturing
records of Lambda asynchronous invocations".
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.local.lambda_runtime import Invocation, LambdaRuntime
from infra.local.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_sqs.client import SQSClient

PAUSES_S: Final = (60, 120)
"""Between the first and the second attempt, and between the second and the third."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallRules:
    """What a function's event invoke configuration says: further attempts, and the queue for what failed them all."""

    retries: int = len(PAUSES_S)
    failure_queue_url: str | None = None


class AsyncCalls:
    """Calls functions in the background."""

    def __init__(
        self,
        scheduler: Scheduler,
        runtime: LambdaRuntime,
        *,
        rules: "Callable[[], Mapping[str, CallRules]]",
        sqs: "Callable[[], SQSClient]",
    ) -> None:
        """Look rules up by the function's name."""
        self._scheduler = scheduler
        self._runtime = runtime
        self._rules = rules
        self._sqs = sqs

    def call(self, name: str, event: Any) -> None:
        """Run the function when the present step is done."""
        self._scheduler.soon(lambda: self._attempt(name, event, 0))

    def _attempt(self, name: str, event: Any, retried: int) -> None:
        answer = self._runtime.invoke(name, event)
        if not answer.failed:
            return
        log.error("%s failed in the background: %s", name, answer.payload.get("errorMessage"))
        rules = self._rules().get(name, CallRules())
        if retried < rules.retries:
            self._scheduler.after(PAUSES_S[retried], lambda: self._attempt(name, event, retried + 1))
        elif rules.failure_queue_url:
            self._give_up(rules.failure_queue_url, name, event, answer, retried + 1)

    def _give_up(self, queue_url: str, name: str, event: Any, answer: Invocation, attempts: int) -> None:
        record = {
            "version": "1.0",
            "requestContext": {
                "functionArn": self._runtime.known()[name].arn,
                "condition": "RetriesExhausted",
                "approximateInvokeCount": attempts,
            },
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "responsePayload": answer.payload,
        }
        self._sqs().send_message(QueueUrl=queue_url, MessageBody=json.dumps(record))
