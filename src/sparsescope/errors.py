"""Errors that a user may meet: each says what was given, what is allowed and what to do."""


class SparsescopeError(Exception):
    """Base of every error that sparsescope raises on purpose; its text is meant for the user."""


class InputError(SparsescopeError):
    """The file or array cannot be used as it is (missing, damaged, wrong axes, not finite, …)."""


class RecipeError(SparsescopeError):
    """A parameter is unknown, out of its range or in conflict with another one."""


class OutputError(SparsescopeError):
    """The result cannot be written (exists already, no permission, disk full, …)."""


class EngineError(SparsescopeError):
    """The compute engine that was asked for is not there or does not work."""


class ClusterError(SparsescopeError):
    """The workers of a cluster cannot be had, or were lost."""
