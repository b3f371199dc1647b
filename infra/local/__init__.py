"""The embedded stack: the deployed product in one process, on a virtual clock, without an AWS account.

It reads the synthesized template and runs the same handlers and the same state machine against in-process fakes of the
services. Nothing about business behaviour is written here a second time: what this package knows is how AWS delivers,
times out, retries and answers. Start it with `python -m infra.local`, or in a test with
`infra.local.stack.Stack.start`.
"""
