"""The one table: events, identity edges, projections, runs and configuration."""

from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from omnicascade.contracts import LIVE_DUE, LIVE_INDEX, LIVE_PARTITION_KEY, LIVE_SORT_KEY, TIMELINE_INDEX

PARTITION_KEY: Final = "pk"
SORT_KEY: Final = "sk"
TIMELINE_SORT_KEY: Final = "at"
TIMELINE_ATTRIBUTES: Final = ("name", "rx")
EXPIRY_ATTRIBUTE: Final = "expires_at"


class CustomerTable(Construct):
    """An on-demand table with its stream and its two indexes. Attributes `table` and `stream_arn`.

    `Table` and not `TableV2`: one Region needs no global-table resource, and every tool that reads templates knows it.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, key: kms.IKey, removal_policy: RemovalPolicy, keep: bool
    ) -> None:
        """Create the table.

        Args:
            scope: parent.
            construct_id: id under the parent.
            key: encrypts the table, its indexes and its stream.
            removal_policy: what the stack's deletion does to it.
            keep: refuse deletion, even by hand.
        """
        super().__init__(scope, construct_id)
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=_text(PARTITION_KEY),
            sort_key=_text(SORT_KEY),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            stream=dynamodb.StreamViewType.NEW_IMAGE,
            time_to_live_attribute=EXPIRY_ATTRIBUTE,
            deletion_protection=keep,
            removal_policy=removal_policy,
        )
        self.table.add_local_secondary_index(
            index_name=TIMELINE_INDEX,
            sort_key=_text(TIMELINE_SORT_KEY),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=list(TIMELINE_ATTRIBUTES),
        )
        # Sparse: only live runs carry its keys, so an ended one costs it nothing, and neither does an event.
        self.table.add_global_secondary_index(
            index_name=LIVE_INDEX,
            partition_key=_text(LIVE_PARTITION_KEY),
            sort_key=_text(LIVE_SORT_KEY),
            # The due moment with them: the watchdog then finds late runs without reading the others.
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=[LIVE_DUE],
        )
        stream_arn = self.table.table_stream_arn
        assert stream_arn is not None, "the table was made with a stream"  # noqa: S101 - tells the type checker
        self.stream_arn: str = stream_arn


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
