"""Where errands are kept, wired: their queue, the diary in the table, and the schedules that open its pages."""

from omnicascade.adapters.dynamo import Table
from omnicascade.adapters.errands_queue import BucketOpener, QueuedErrands
from omnicascade.settings import Settings
from omnicascade.wiring.clients import late_client


def errands_of(settings: Settings, table: Table) -> QueuedErrands:
    """Where one deployment keeps errands."""
    opener = BucketOpener(
        late_client("scheduler"),
        group=settings.errands_schedule_group,
        role_arn=settings.errands_schedule_role_arn,
        function_arn=settings.errands_function_arn,
    )
    return QueuedErrands(late_client("sqs"), settings.errands_queue_url, table, opener)
