"""How sure a sample makes us of everybody.

Exists apart because previews of segments and plans of journeys tell it alike.
"""

from math import sqrt
from typing import Final

Z95: Final = 1.959964
"""The normal distribution's quantile for an interval of 95 %."""


def wilson(matching: int, sampled: int) -> tuple[float, float]:
    """The interval that holds a share with 95 % certainty, as a sample of at least one tells it.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    share, z2 = matching / sampled, Z95**2
    middle = share + z2 / (2 * sampled)
    width = Z95 * sqrt(share * (1 - share) / sampled + z2 / (4 * sampled**2))
    scale = 1 + z2 / sampled
    return max(0.0, (middle - width) / scale), min(1.0, (middle + width) / scale)
