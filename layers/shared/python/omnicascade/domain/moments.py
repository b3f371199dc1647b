"""Moments as the table keeps them: whole milliseconds since 1970."""

from datetime import UTC, datetime


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware time."""
    return round(moment.timestamp() * 1000)


def from_ms(value: int) -> datetime:
    """The aware UTC time of `epoch_ms`."""
    return datetime.fromtimestamp(value / 1000, UTC)


def iso_ms(value: int) -> str:
    """The moment as it stands on the wire: ISO 8601, UTC, milliseconds, `Z`."""
    return from_ms(value).isoformat(timespec="milliseconds")[:-6] + "Z"
