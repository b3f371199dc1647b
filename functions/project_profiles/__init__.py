"""The function project_profiles."""
