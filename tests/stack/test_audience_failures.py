"""An audience whose batches die, whose storage fails, whose execution fails and is redriven: nothing is sent twice."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse

from infra.audience_definition import TOLERATED_PERCENT
from infra.local.execution import Execution
from infra.local.faults import NoFaults
from tests.stack.fault_plan import CrashError
from tests.stack.shop import CASCADE, Shop, opened
from tests.stack.test_audience import VIP, launched, put_segment

PEOPLE = 3
EACH = {"push": 1, "email": 1, "sms": 1}
ALL = Counter({"push": PEOPLE, "email": PEOPLE, "sms": PEOPLE})


@dataclass
class Outage(NoFaults):
    """The process dies at some calls.

    Attributes:
        operation: at these, as `service:operation`.
        passes: so many go through before.
        times: so many die then.
        after: whether the call is made and only its answer is lost.
    """

    operation: str = ""
    passes: int = 0
    times: int = 0
    after: bool = False

    def plan(self, operation: str, *, passes: int = 0, times: int, after: bool = False) -> None:
        """From now on."""
        self.operation, self.passes, self.times, self.after = operation, passes, times, after

    def around_call(
        self, service: str, operation: str, proceed: Callable[[], AWSResponse | None]
    ) -> AWSResponse | None:
        """Make the call, or die."""
        if f"{service}:{operation}" != self.operation:
            return proceed()
        if self.passes:
            self.passes -= 1
            return proceed()
        if not self.times:
            return proceed()
        self.times -= 1
        if self.after:
            proceed()
        raise CrashError


@pytest.fixture
def outage() -> Outage:
    """What goes wrong; nothing until a test says so."""
    return Outage()


@pytest.fixture
def campaign(outage: Outage) -> Iterator[Shop]:
    """A stack with three customers in a segment and a journey for it."""
    with opened(outage) as shop:
        put_segment(shop, "vip", VIP)
        shop.put_journey({"name": "spring", "steps": [CASCADE]})
        people = [_identify(number) for number in range(PEOPLE)]
        assert shop.call("POST", "/v1/batch", {"batch": people}, source="local-web")[0] == 200
        shop.stack.settle()
        yield shop


def _identify(number: int) -> dict[str, Any]:
    traits = {"email": f"p{number}@example.com", "phone": f"+4860100000{number}", "vip": True}
    device = {"type": "ios", "id": f"device-{number}", "token": f"token-{number}"}
    name = f"p{number}"
    return {"type": "identify", "messageId": name, "userId": name, "traits": traits, "context": {"device": device}}


def sent(shop: Shop) -> Counter[str]:
    """Messages by channel."""
    return Counter(message["channel"] for message in shop.stack.messages())


def redrive(shop: Shop, execution: Execution) -> None:
    """As the console does, and let it settle."""
    session = botocore.session.get_session()
    session.set_credentials("marketer", "marketer")
    client: Any = session.create_client("stepfunctions", region_name="us-east-1")
    client.redrive_execution(executionArn=execution.arn)
    shop.stack.settle()


def served(shop: Shop, execution: Execution) -> None:
    """Everybody got everything, once."""
    assert execution.status == "SUCCEEDED", (execution.error, execution.cause)
    assert sent(shop) == ALL
    for number in range(PEOPLE):
        channels = Counter(shop.channels(f"user_id:p{number}"))
        assert channels == EACH
    assert execution.output["customers"] == {"entered": PEOPLE}


def test_a_batch_that_dies_half_way_is_repeated(campaign: Shop, outage: Outage) -> None:
    """Before the second customer's provider is called: Step Functions calls again; the first is not sent to twice.

    The second's claim was left without an outcome: that message may have gone out, is never repeated, and all others
    arrive.
    """
    outage.plan("pinpoint:SendMessages", passes=1, times=1)
    execution = launched(campaign)
    campaign.stack.advance("3d")
    assert execution.status == "SUCCEEDED"
    assert sent(campaign) == ALL - Counter({"push": 1})
    assert execution.output["customers"] == {"entered": PEOPLE}
    runs = [campaign.runs("spring", f"user_id:p{number}")[0] for number in range(PEOPLE)]
    outcomes = Counter(message["outcome"] for run in runs for message in run["messages"])
    assert outcomes == {"sent": 3 * PEOPLE - 1, "unknown": 1}


def test_a_round_that_fails_for_good_is_redriven(campaign: Shop, outage: Outage) -> None:
    """More batches fail than are tolerated: the execution fails, and once redriven serves everybody once."""
    assert TOLERATED_PERCENT < 100
    outage.plan("dynamodb:TransactWriteItems", passes=1, times=2)
    execution = launched(campaign)
    campaign.stack.advance("5m")
    assert (execution.status, execution.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    redrive(campaign, execution)
    campaign.stack.advance("3d")
    served(campaign, execution)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", ["s3:PutObject", "s3:GetObject"])
def test_storage_that_fails_once_delays_and_nothing_else(
    campaign: Shop, outage: Outage, operation: str, after: bool
) -> None:
    """The list and each round are read and written again; lists are the same ones."""
    outage.plan(operation, times=1, after=after)
    execution = launched(campaign)
    campaign.stack.advance("3d")
    served(campaign, execution)


def test_storage_that_is_gone_fails_the_execution_and_a_redrive_goes_on(campaign: Shop, outage: Outage) -> None:
    """After its attempts the gathering gives up; redriven, it goes on with the same round."""
    outage.plan("s3:GetObject", times=7)
    execution = launched(campaign)
    campaign.stack.advance("1h")
    assert (execution.status, sent(campaign)) == ("FAILED", Counter({"push": PEOPLE}))
    redrive(campaign, execution)
    campaign.stack.advance("3d")
    served(campaign, execution)
