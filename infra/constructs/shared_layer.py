"""The layer that every function carries: the package omnicascade and its dependencies."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.layer_bundling import PACKAGE, LayerBundling, layer_hash


class SharedLayer(Construct):
    """Attribute `layer`."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """Create the layer; it is built during synth, unless the assembly already holds this very content."""
        super().__init__(scope, construct_id)
        self.layer = lambda_.LayerVersion(
            self,
            "Layer",
            description="omnicascade and its dependencies",
            compatible_architectures=[lambda_.Architecture.ARM_64],
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
            code=lambda_.Code.from_asset(
                str(PACKAGE.parent),
                asset_hash=layer_hash(),
                # CDK wants an image even though the build never leaves this process.
                bundling=cdk.BundlingOptions(image=cdk.DockerImage.from_registry("unused"), local=LayerBundling()),
            ),
        )
