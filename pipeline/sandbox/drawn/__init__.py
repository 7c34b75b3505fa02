"""Tenants of which everything is drawn from the seed: size, places, clients, rhythm, logging, changes and incidents.

Where ``pipeline.sandbox.tenant`` tells one story well, this room is wide: the benchmark of causes and the fitting of
weights stand on it. No constant of a particular tenant may enter a draw.
"""

from pipeline.sandbox.drawn.tenant import drawn

__all__ = ["drawn"]
