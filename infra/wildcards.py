"""The wildcards that are left in the stage's roles, each with the reason why it must be one."""

from collections.abc import Mapping

from aws_cdk import CfnElement, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from infra.acknowledgements import acknowledge
from infra.constructs.event_archive import ARCHIVE_PREFIX, REBUILDS_PREFIX
from omnicascade.contracts import AUDIENCES_PREFIX, ERASURES_PREFIX, Function


def accept_wildcards(
    name: str, *, archive: s3.Bucket, functions: Mapping[Function, iam.Role], machines: Mapping[str, iam.Role]
) -> None:
    """Accept them.

    Args:
        name: the stage's, which begins the names of machines and of the group of schedules.
        archive: the bucket.
        functions: the functions' roles.
        machines: the machines' roles, by the end of their names.
    """
    _accept_objects(archive, functions, machines)
    _accept_names(name, functions, machines)
    acknowledge(
        functions[Function.CONFIGURE_DEPLOYMENT],
        "AwsSolutions-IAM5[Resource::*]",
        "sns:SetSMSAttributes changes settings of the account and knows no resource. Source: Service Authorization "
        "Reference, Amazon SNS.",
    )


def _accept_objects(
    archive: s3.Bucket, functions: Mapping[Function, iam.Role], machines: Mapping[str, iam.Role]
) -> None:
    resource = archive.node.default_child
    assert isinstance(resource, CfnElement)  # noqa: S101 - tells the type checker
    arn = f"<{Stack.of(archive).get_logical_id(resource)}.Arn>"
    rebuilds = "A rebuild reads every archived object and writes its workers' results and its report."
    erasures = "A person's events lie in objects of every hour; no other function reads or replaces them."
    audiences = "Every execution has lists of its own, named by whoever starts it."
    reasons = [
        (
            functions[Function.ARCHIVE_EVENTS],
            ARCHIVE_PREFIX,
            "Object keys carry date and shard; the function may add objects under this prefix and read none.",
        ),
        *((functions[Function.ERASE_CUSTOMERS], prefix, erasures) for prefix in (ARCHIVE_PREFIX, ERASURES_PREFIX)),
        *(
            (role, prefix, rebuilds)
            for role in (machines["rebuild"], functions[Function.REBUILD_PROFILES])
            for prefix in (ARCHIVE_PREFIX, REBUILDS_PREFIX)
        ),
        *((role, AUDIENCES_PREFIX, audiences) for role in (machines["journeys"], functions[Function.RUN_AUDIENCE])),
    ]
    for role, prefix, reason in reasons:
        acknowledge(role, f"AwsSolutions-IAM5[Resource::{arn}/{prefix}*]", reason)


def _accept_names(name: str, functions: Mapping[Function, iam.Role], machines: Mapping[str, iam.Role]) -> None:
    keepers = (
        Function.PROJECT_PROFILES,
        Function.SERVE_STAFF_API,
        Function.CONFIGURE_DEPLOYMENT,
        Function.RUN_ERRANDS,
    )
    executions = "Child executions of the machine's own map are named by Step Functions."
    reasons = [
        *(
            (functions[keeper], "scheduler", f"schedule/{name}/*", "One schedule a bucket of moments, in this group.")
            for keeper in keepers
        ),
        (
            functions[Function.WATCH_RUNS],
            "states",
            f"execution:{name}-journeys:*",
            "Whether an audience's execution is under way is asked of executions that people name.",
        ),
        *((role, "states", f"execution:{name}-{machine}*", executions) for machine, role in machines.items()),
    ]
    for role, service, resource, reason in reasons:
        arn = f"arn:<AWS::Partition>:{service}:<AWS::Region>:<AWS::AccountId>:{resource}"
        acknowledge(role, f"AwsSolutions-IAM5[Resource::{arn}]", reason)
