"""Faults of channels, as the log and CloudWatch's metrics get to see them."""

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from omnicascade.wiring.channel_faults import ChannelFaults


@pytest.fixture
def logged(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The line that one fault makes; each test has a logger of its own, because loggers of one name are one."""
    out = StringIO()
    faults = ChannelFaults(Logger(service=request.node.name, stream=out), "omnicascade-prod-journeys")
    faults("channel_unavailable", {"channel": "sms", "journey": "cart", "error": "ChannelUnavailableError"})
    return json.loads(out.getvalue())


def test_a_fault_is_one_error_in_the_log(logged: dict[str, Any]) -> None:
    """One line of JSON says what happened, at level error, with every detail beside it."""
    line = logged
    assert (line["level"], line["message"]) == ("ERROR", "channel_unavailable")
    assert (line["channel"], line["journey"], line["error"]) == ("sms", "cart", "ChannelUnavailableError")


def test_the_same_line_is_a_metric(logged: dict[str, Any]) -> None:
    """Every dimension and metric that the embedded format declares stands in the line, and the moment is now in ms."""
    line = logged
    (declared,) = line["_aws"]["CloudWatchMetrics"]
    assert declared["Namespace"] == "omnicascade"
    assert [metric["Name"] for metric in declared["Metrics"]] == ["ChannelFaults"]
    assert line["ChannelFaults"] == 1
    for dimensions in declared["Dimensions"]:
        assert all(isinstance(line[name], str) for name in dimensions)
    assert line["machine"] == "omnicascade-prod-journeys"
    age = datetime.now(UTC) - datetime.fromtimestamp(line["_aws"]["Timestamp"] / 1000, UTC)
    assert abs(age.total_seconds()) < 3600
