"""Iterative solvers as frozen parameters; the one loop that runs them all is in `loop`."""
