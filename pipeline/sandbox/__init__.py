"""The simulated tenant and the local workspace that serves it.

Used by ``signin-triage demo`` and by the tests, imported by nothing else. Nothing of ``pipeline`` but the table names
of ``pipeline.pages`` may enter, and neither azure nor typer: what is tested here is how the real client gets on with a
service, so the service may not share code with it.
"""
