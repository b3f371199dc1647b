"""Faults of channels made loud: one log line that is a metric as well, so that an alarm can hang on it."""

from collections.abc import Mapping

from aws_lambda_powertools import Logger

from omnicascade.contracts import CHANNEL_FAULTS_METRIC
from omnicascade.wiring.clock import now
from omnicascade.wiring.embedded_metrics import metric_fields


class ChannelFaults:
    """Tells whoever runs the deployment what `PostOffice` gives notice of."""

    def __init__(self, logger: Logger, machine: str) -> None:
        """Args: machine is the name of the state machine whose messages these are."""
        self._logger = logger
        self._machine = machine

    def __call__(self, what: str, details: Mapping[str, str]) -> None:
        """Log one fault; `details` has at least `channel`, and no personal data."""
        counted = metric_fields({CHANNEL_FAULTS_METRIC: 1}, [["machine"], ["machine", "channel"]], now())
        self._logger.error(what, extra={**details, "machine": self._machine, **counted})
