"""Where recorded requests, data sets and scenarios of others lie; tests that read them skip where they do not."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"


def shared(name: str) -> Path:
    """A file or folder of the shared data, or a skip with the reason."""
    path = (SHARED / name).resolve()
    if not path.exists():
        pytest.skip(f"the shared data set {name} is not beside this checkout")
    return path
