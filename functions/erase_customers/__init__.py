"""The function erase_customers."""
