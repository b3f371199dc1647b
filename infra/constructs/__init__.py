"""The stack's logical units: each construct owns its resources and exposes them as attributes."""
