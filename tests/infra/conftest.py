"""Synthesizes both stages once for all infrastructure tests; the layer isn't built here, which saves half a minute."""

from pathlib import Path

import pytest

from infra.app import build_app
from tests.infra.template_reader import TemplateReader


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> TemplateReader:
    """The example stage, checked by cdk-nag during its synth."""
    return _synthesized(tmp_path_factory.mktemp("prod"), "prod", nag=True)


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> TemplateReader:
    """The embedded stack's stage."""
    return _synthesized(tmp_path_factory.mktemp("local"), "local", nag=False)


def _synthesized(folder: Path, stage: str, *, nag: bool) -> TemplateReader:
    build_app(outdir=folder, stage=stage, bundle=False, nag=nag).synth()
    return TemplateReader.read(folder, stage)
