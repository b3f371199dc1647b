"""The composition root: here, and only here, ports meet their AWS adapters, settings and the clock."""
