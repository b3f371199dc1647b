"""Log lines that are metrics as well, in CloudWatch's embedded metric format: no call, and an alarm can hang on them.

Written by hand rather than by Powertools' Metrics: its import alone costs a cold start as much as all of the link
signing. Source: CloudWatch user guide, "Embedded metric format specification".
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from omnicascade.contracts import METRIC_NAMESPACE


def metric_fields(counts: Mapping[str, int], dimensions: Sequence[Sequence[str]], at: datetime) -> dict[str, Any]:
    """What a log line needs besides to be counted: the numbers, and the declaration that they are metrics.

    Args:
        counts: by metric name.
        dimensions: each counts once; they name other fields of the same line, whose values must be texts.
        at: the moment they are counted for (UTC).
    """
    declared = {
        "Namespace": METRIC_NAMESPACE,
        "Dimensions": [list(names) for names in dimensions],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in counts],
    }
    return {**counts, "_aws": {"Timestamp": round(at.timestamp() * 1000), "CloudWatchMetrics": [declared]}}
