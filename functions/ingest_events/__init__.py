"""The function ingest_events."""
