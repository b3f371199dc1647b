"""Stalled journey runs are found and set going again, every hour."""
