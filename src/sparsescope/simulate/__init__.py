"""Simulated images of structures that are known: phantoms on a fine grid, optics, cameras; seeded."""
