"""What AWS asks for the work around a message, in one place: plans, the demo's tables and the benchmarks read it here.

List prices of us-east-1 without free tiers, USD. A deployment elsewhere pays a little more; the proportions stay.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

TRANSITION_USD: Final = Decimal("0.000025")
"""Step Functions Standard, per state transition. Source: AWS Step Functions pricing, 2026-11: 25 dollars a million."""

EXPRESS_REQUEST_USD: Final = Decimal("0.000001")
EXPRESS_GB_S_USD: Final = Decimal("0.00001667")
"""Step Functions Express. Source: AWS Step Functions pricing, 2026-11."""

LAMBDA_REQUEST_USD: Final = Decimal("0.0000002")
LAMBDA_GB_S_USD: Final = Decimal("0.0000133334")
"""Lambda on arm64. Source: AWS Lambda pricing, 2026-11."""

WRITE_UNIT_USD: Final = Decimal("0.000000625")
READ_UNIT_USD: Final = Decimal("0.000000125")
"""DynamoDB on demand. Source: AWS price list, 2026-07-24."""

CUSTOMERS_PER_BATCH: Final = 100
"""As the journeys' machine serves audiences (`infra.audience_definition`)."""

_VISIT_GB_S: Final = Decimal("0.1")
"""Of Lambda each time a run is moved: 100 to 200 ms with 512 MB to 1 GB, most of it waiting for the table."""
_VISIT_EXPRESS_GB_S: Final = Decimal("0.00625")
"""Of an Express child each time: 64 MB for as long as its batch takes, a tenth of a second a customer."""
_RUN_WRITES: Final = 8
_VISIT_WRITES: Final = 1
_MESSAGE_WRITES: Final = 4
"""Write units: a run's start with its slot, and its move when it ends, each in a transaction and in the index; its next
moment in the index; claim, outcome that rests the run, message and link. Three messages in three visits take 23, where
the benchmark of audiences counted 22."""
_VISIT_READS: Final = 14
"""Read units: the run, the heads of its customer's identifiers, settings, templates, the last look; counted there: 42
in three visits."""


@dataclass(frozen=True, slots=True)
class ExecutionCost:
    """What running a journey costs besides its messages (USD).

    Attributes:
        transitions: of Step Functions, counted.
        orchestration: Step Functions.
        functions: Lambda.
        table: DynamoDB.
    """

    transitions: int
    orchestration: Decimal
    functions: Decimal
    table: Decimal

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.orchestration + self.functions + self.table


def cost_of_runs(*, runs: int, visits: int, messages: int, audience: bool) -> ExecutionCost:
    """What so many runs cost to carry out.

    A customer's own execution enters its state once a visit and ends with one more transition. An audience is moved in
    batches of `CUSTOMERS_PER_BATCH`: one transition and one Express child for each; the few of a round are left out.

    Args:
        runs: how many start.
        visits: how often they are moved, all together.
        messages: how many they send.
        audience: whether one execution serves all of them.
    """
    if audience:
        transitions = -(-visits // CUSTOMERS_PER_BATCH)
        express = transitions * EXPRESS_REQUEST_USD + visits * _VISIT_EXPRESS_GB_S * EXPRESS_GB_S_USD
        invocations = transitions
    else:
        transitions, express, invocations = visits + runs, Decimal(), visits
    writes = runs * _RUN_WRITES + visits * _VISIT_WRITES + messages * _MESSAGE_WRITES
    return ExecutionCost(
        transitions=transitions,
        orchestration=transitions * TRANSITION_USD + express,
        functions=invocations * LAMBDA_REQUEST_USD + visits * _VISIT_GB_S * LAMBDA_GB_S_USD,
        table=writes * WRITE_UNIT_USD + visits * _VISIT_READS * READ_UNIT_USD,
    )
