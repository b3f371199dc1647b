"""The archive: every accepted event as it arrived, for replay and for whoever asks later."""

from typing import Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.acknowledgements import acknowledge
from omnicascade.contracts import AGE_STEP_DAYS, AGE_TAG, ARCHIVE_PREFIX, AUDIENCES_PREFIX, ERASURES_PREFIX

REBUILDS_PREFIX: Final = "rebuilds/"
_COLD_AFTER: Final = Duration.days(90)
_REPORTS: Final = Duration.days(30)
_AUDIENCES: Final = Duration.days(372)
"""An audience's lists of profile ids outlive its execution, which ends after a year at the latest."""
_OLD_VERSIONS: Final = Duration.days(30)
_ORDERS: Final = Duration.days(36)
"""Orders to erase outlive every point-in-time backup of the table (35 days) by one day."""


class EventArchive(Construct):
    """A private, encrypted, versioned bucket whose objects age out. Attribute `bucket`."""

    def __init__(
        self, scope: Construct, construct_id: str, *, key: kms.IKey, retention_days: int, removal_policy: RemovalPolicy
    ) -> None:
        """Create the bucket.

        Args:
            scope: parent.
            construct_id: id under the parent.
            key: encrypts every object, through one bucket key, so that KMS is not billed per object.
            retention_days: age in days at which events are deleted.
            removal_policy: what the stack's deletion does to it.
        """
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            bucket_key_enabled=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=removal_policy,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="age-out",
                    prefix=ARCHIVE_PREFIX,
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                    expiration=Duration.days(retention_days),
                    noncurrent_version_expiration=_OLD_VERSIONS,
                    transitions=_transitions(retention_days),
                ),
                *_rewritten(retention_days),
                s3.LifecycleRule(
                    id="forget-orders",
                    prefix=ERASURES_PREFIX,
                    expiration=_ORDERS,
                    noncurrent_version_expiration=Duration.days(1),
                ),
                s3.LifecycleRule(
                    id="forget-audiences",
                    prefix=AUDIENCES_PREFIX,
                    expiration=_AUDIENCES,
                    noncurrent_version_expiration=Duration.days(1),
                ),
                s3.LifecycleRule(
                    id="forget-rebuilds",
                    prefix=REBUILDS_PREFIX,
                    expiration=_REPORTS,
                    noncurrent_version_expiration=Duration.days(1),
                ),
            ],
        )
        acknowledge(
            self.bucket,
            "AwsSolutions-S1",
            "One function writes here and nobody reads in normal operation; CloudTrail data events, switched on per "
            "account, tell who read what, without a second bucket full of access logs.",
        )


def _rewritten(retention_days: int) -> list[s3.LifecycleRule]:
    """Objects that an erasure wrote anew end when their events do: S3 would count their age from the rewriting."""
    return [
        s3.LifecycleRule(
            id=f"age-out-rewritten-{age}",
            prefix=ARCHIVE_PREFIX,
            tag_filters={AGE_TAG: str(age)},
            expiration=Duration.days(retention_days - age),
        )
        for age in range(AGE_STEP_DAYS, retention_days, AGE_STEP_DAYS)
    ]


def _transitions(retention_days: int) -> list[s3.Transition]:
    """Cold storage, where events live long enough to repay its 90-day minimum charge."""
    if retention_days < 2 * _COLD_AFTER.to_days():
        return []
    return [s3.Transition(storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, transition_after=_COLD_AFTER)]
