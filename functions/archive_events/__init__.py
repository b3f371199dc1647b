"""The function archive_events."""
