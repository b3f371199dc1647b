"""Erasing, wired: the table, the archive, the runs' timer, the links' key, and the queue of orders."""

from collections.abc import Callable
from typing import Final

from omnicascade.adapters.configuration_store import DynamoConfigurationStore
from omnicascade.adapters.customer_store import DynamoCustomerStore
from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.erasure_store import DynamoErasureStore
from omnicascade.adapters.erasures_queue import SqsErasureQueue, decode_order
from omnicascade.adapters.event_archive import S3EventArchive
from omnicascade.adapters.run_store import DynamoRunStore
from omnicascade.adapters.step_functions import StepFunctionsTimer
from omnicascade.domain.erasure import REMEMBERED
from omnicascade.settings import Settings
from omnicascade.usecases.carry_out_erasure import Eraser
from omnicascade.usecases.erase_customer import ErasureDesk, Seal
from omnicascade.wiring.clients import client, late_client
from omnicascade.wiring.clock import now
from omnicascade.wiring.links import link_tokens

SPARE_MS: Final = 60_000
"""What is left of the function's time when it stops taking up the next page or hour: more than either ever took."""


def erasure_seal(settings: Settings) -> Seal:
    """What makes an erased customer invisible, for one deployment."""
    table = Table(client("dynamodb"), settings.table)
    timer = StepFunctionsTimer(late_client("stepfunctions"), settings.state_machine_arn)
    return Seal(DynamoErasureStore(table), DynamoCustomerStore(table), DynamoRunStore(table), timer)


def erasure_desk(settings: Settings) -> ErasureDesk:
    """Where erasures are ordered, for one deployment."""
    return ErasureDesk(erasure_seal(settings), SqsErasureQueue(late_client("sqs"), settings.erasures_queue_url))


class ErasureWorker:
    """Carries out the orders of one deployment, at the present moment."""

    def __init__(self, settings: Settings) -> None:
        configuration = DynamoConfigurationStore(Table(client("dynamodb"), settings.table))
        self._archive = S3EventArchive(client("s3"), settings.archive_bucket)
        self._queue = SqsErasureQueue(client("sqs"), settings.erasures_queue_url)
        self._eraser = Eraser(
            erasure_seal(settings),
            self._archive,
            codes_of=link_tokens(settings).click_codes,
            rules=lambda: configuration.deployment().identity,
        )

    def __call__(self, body: str, remaining_ms: Callable[[], int]) -> bool:
        """Go on with one order for as long as there is time; whether it is finished. Raises as `Eraser.carry_out`."""
        erasure, by = decode_order(body)
        wait = self._eraser.carry_out(erasure, by, now(), lambda: remaining_ms() < SPARE_MS)
        if wait is not None:
            self._queue.put(erasure, by, delay_s=max(0, int(wait.total_seconds())))
        return wait is None

    def reapply(self) -> int:
        """Order again everything that was erased lately; returns how much. For a table restored from a backup."""
        recent = [order for order in self._archive.orders() if now() - order.at < REMEMBERED]
        for order in recent:
            self._queue.put(order, "restore")
        return len(recent)
