"""The function configure_deployment."""
