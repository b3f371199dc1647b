"""The one way to accept a finding of cdk-nag: on one construct, for one rule, with a written reason."""

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept one finding.

    Args:
        construct: the narrowest construct that has the finding.
        rule: its id; per-finding rules need the whole of it, for example `AwsSolutions-IAM5[Resource::*]`.
        reason: why this is right here, in one or two sentences.
    """
    cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=rule, reason=reason))
