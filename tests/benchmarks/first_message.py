"""The sender's first invocation after a cold start: one run started, one e-mail rendered and handed to the provider.

Run as a process of its own by `cold_start`, with the table's items in the file that BENCH_ITEMS names.
"""

import json
import os
from pathlib import Path

from functions.send_next_message.handler import handler
from omnicascade.wiring import clients, clock
from tests.benchmarks.calls import NOON
from tests.benchmarks.canned_aws import CannedTable

CUSTOMER = "customer-of-the-benchmark"
"""Who `configured_table` has put there."""


def main() -> None:
    """Send it.

    Raises:
        RuntimeError: no e-mail was handed over, so nothing was measured.
    """
    items = json.loads(Path(os.environ["BENCH_ITEMS"]).read_text(encoding="utf-8"))
    table = CannedTable(items)
    for name in ("dynamodb", "stepfunctions", "secretsmanager", "sqs"):
        clients.client(name).meta.events.register_first("before-send", table.answer)
    clients.one_attempt_client("sesv2").meta.events.register_first("before-send", table.answer)
    clock.use(lambda: NOON)
    task = {"token": "t", "execution": "e", "started": "s", "foreseen_s": 0, "attempt": 0}
    handler(task | {"input": {"journey": "welcome", "profile": f"user_id:{CUSTOMER}"}}, None)
    if table.calls["SendEmail"] != 1:
        raise RuntimeError(f"expected one e-mail, saw {dict(table.calls)}")


if __name__ == "__main__":
    main()
