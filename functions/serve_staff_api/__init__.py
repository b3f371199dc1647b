"""The function serve_staff_api."""
