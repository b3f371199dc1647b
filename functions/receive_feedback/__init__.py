"""The function receive_feedback."""
