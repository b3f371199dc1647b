"""The app: `python -m infra.app` writes the cloud assembly, without an account, Docker or a network.

The stage is the context value `stage` (`cdk synth -c stage=…`), else the variable OMNICASCADE_STAGE, else `prod`. The
assembly goes to CDK_OUTDIR, which the CDK command line sets, else to `cdk.out`.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk

from infra.config import InvalidConfigurationError, UnknownStageError, config_of
from infra.configuration_document import UnacceptableFileError
from infra.stack import OmnicascadeStack

DEFAULT_STAGE: Final = "prod"
EMBEDDED_STAGE: Final = "local"
_NO_BUNDLING: Final[Mapping[str, Any]] = {"aws:cdk:bundling-stacks": []}


def build_app(*, outdir: Path, stage: str | None = None, bundle: bool = True, nag: bool | None = None) -> cdk.App:
    """The app of one stage, ready to `synth()`.

    Args:
        outdir: where the cloud assembly goes.
        stage: the stage where the context names none.
        bundle: build the layer; the embedded stage never does, it runs from the repository.
        nag: check the template with cdk-nag's AwsSolutions, whose findings make `synth()` raise; by default every stage
            but the embedded one, whose start shouldn't wait for it.

    Raises:
        UnknownStageError: infra/config.py has no such stage.
    """
    app = cdk.App(outdir=str(outdir), analytics_reporting=False)
    named = app.node.try_get_context("stage") or stage or DEFAULT_STAGE
    config = config_of(named)
    app.node.set_context("aws:cdk:enable-asset-metadata", True)
    if not bundle or named == EMBEDDED_STAGE:
        for key, value in _NO_BUNDLING.items():
            app.node.set_context(key, value)
    staging = outdir.resolve() / ".staging" / named
    OmnicascadeStack(app, config=config, staging=staging)
    if named != EMBEDDED_STAGE if nag is None else nag:
        _check_with_nag(app)
    return app


def _check_with_nag(app: cdk.App) -> None:
    from cdk_nag import AwsSolutionsChecks  # noqa: PLC0415 - half a second that only a checked synth should pay

    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def main() -> int:
    """Synthesize; 0, or 2 where the stage doesn't exist or its configuration or journeys are not acceptable."""
    stage = os.environ.get("OMNICASCADE_STAGE", DEFAULT_STAGE)
    outdir = Path(os.environ.get("CDK_OUTDIR", "cdk.out"))
    try:
        app = build_app(outdir=outdir, stage=stage)
    except (UnknownStageError, InvalidConfigurationError, UnacceptableFileError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
