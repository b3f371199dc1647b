"""The function send_next_message."""
