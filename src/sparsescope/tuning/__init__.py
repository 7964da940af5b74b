"""Automatic parameters: pixels are held out, and the recipe that predicts them best is taken."""

from .choice import Choice, Request
from .choose import choose

__all__ = ["Choice", "Request", "choose"]
