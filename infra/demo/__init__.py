"""The main job shown end to end: a dozen customers, four days of virtual time, every message with its reason and cost.

Talks to the embedded stack over HTTP only, through a real SDK where a site or an app would use one, and checks its own
story: a wrong result is a failure, not a line of output.
"""
