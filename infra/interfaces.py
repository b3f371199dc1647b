"""CDK objects seen through CDK's own interfaces.

The Python bindings name some parameters of a class differently from the interface it implements, so strict type
checking takes `Role` for no `IRole`. These views say once, here, that it is one.
"""

from typing import cast

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns


def as_principal(principal: iam.PrincipalBase) -> iam.IPrincipal:
    """A principal as whatever takes any principal wants it."""
    return cast("iam.IPrincipal", principal)


def as_role(role: iam.Role) -> iam.IRole:
    """A role as whatever takes any role wants it."""
    return cast("iam.IRole", role)


def as_key(key: kms.Key) -> kms.IKey:
    """A key as whatever takes any key wants it."""
    return cast("kms.IKey", key)


def as_topic(topic: sns.Topic) -> sns.ITopic:
    """A topic as whatever takes any topic wants it."""
    return cast("sns.ITopic", topic)
