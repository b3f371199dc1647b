"""The function run_errands."""
