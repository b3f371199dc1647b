"""The function follow_links."""
