"""The one way out to hosts that are not AWS's, where the embedded stack keeps what would leave.

Webhooks alone go that way. Without anything put here they resolve and connect as `adapters.webhook_caller` does.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

type Resolve = Callable[[str], Collection[str]]
"""The addresses of a host; raises OSError."""
type Post = Callable[[str, str, str, bytes, dict[str, str]], int]
"""Posts to (address, host, path) a body with headers; returns the status. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Network:
    """What stands in for the network; None: the machine's own."""

    resolve: Resolve | None = None
    post: Post | None = None


_current: Final[list[Network]] = [Network()]


def network() -> Network:
    """What webhooks go through."""
    return _current[0]


def use(other: Network | None) -> None:
    """Let webhooks go through `other` from now on; None goes back to the machine's own."""
    _current[0] = other or Network()
