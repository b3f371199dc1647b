"""Faults of channels made loud: one log line that is a metric as well, so that an alarm can hang on it.

The metric is written in CloudWatch's embedded metric format into the very log line, rather than by Powertools' Metrics:
its import alone costs the sender's cold start as much as all of the link signing.
"""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from omnicascade.contracts import CHANNEL_FAULTS_METRIC, METRIC_NAMESPACE
from omnicascade.wiring.clock import now


class ChannelFaults:
    """Tells whoever runs the deployment what `PostOffice` gives notice of."""

    def __init__(self, logger: Logger, machine: str) -> None:
        """Args: machine is the name of the state machine whose messages these are."""
        self._logger = logger
        self._machine = machine

    def __call__(self, what: str, details: Mapping[str, str]) -> None:
        """Log one fault; `details` has at least `channel`, and no personal data."""
        self._logger.error(
            what, extra={**details, "machine": self._machine, CHANNEL_FAULTS_METRIC: 1, "_aws": _metric()}
        )


def _metric() -> dict[str, Any]:
    """The metric's declaration. Source: CloudWatch user guide, "Embedded metric format specification"."""
    counted = {
        "Namespace": METRIC_NAMESPACE,
        "Dimensions": [["machine"], ["machine", "channel"]],
        "Metrics": [{"Name": CHANNEL_FAULTS_METRIC, "Unit": "Count"}],
    }
    return {"Timestamp": round(now().timestamp() * 1000), "CloudWatchMetrics": [counted]}
