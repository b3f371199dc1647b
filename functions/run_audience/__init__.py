"""The function record_events."""
