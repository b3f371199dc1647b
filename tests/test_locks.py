"""What is installed is pinned, hashed, and names no host."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ["requirements.lock", "requirements.layer.lock"]


def pins(name: str) -> dict[str, str]:
    """Package to version."""
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", (ROOT / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_hashes_and_no_lock_names_a_host(name: str) -> None:
    """A lock can be installed with --require-hashes from any index."""
    text = (ROOT / name).read_text()
    assert "://" not in text
    blocks = re.split(r"^(?=[a-z0-9._-]+(?:\[[^\]]*\])?==)", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pins(name)) > 10
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_layer_carries_the_versions_that_are_tested() -> None:
    """What runs on AWS is what the tests ran with; the SDK comes with the runtime, not with the layer."""
    tested, layer = pins("requirements.lock"), pins("requirements.layer.lock")
    assert layer.items() <= tested.items()
    assert not {"boto3", "botocore"} & layer.keys()
