"""The log groups of the stack: a name an operator can guess, and an end of storage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.config import InvalidConfigurationError

_DAYS: Final[Mapping[int, logs.RetentionDays]] = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    400: logs.RetentionDays.THIRTEEN_MONTHS,
}
"""CloudWatch keeps logs for certain numbers of days only. Source: CloudWatch Logs API reference, PutRetentionPolicy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeeping:
    """How long log lines live, and what the stack's deletion does to them."""

    retention_days: int
    removal_policy: RemovalPolicy


def log_group(scope: Construct, construct_id: str, *, name: str, keeping: LogKeeping) -> logs.LogGroup:
    """A log group of that name.

    Raises:
        InvalidConfigurationError: CloudWatch has no such retention.
    """
    retention = _DAYS.get(keeping.retention_days)
    if retention is None:
        raise InvalidConfigurationError(
            f"log_retention_days is {keeping.retention_days}; CloudWatch allows {', '.join(map(str, _DAYS))}"
        )
    return logs.LogGroup(
        scope, construct_id, log_group_name=name, retention=retention, removal_policy=keeping.removal_policy
    )
