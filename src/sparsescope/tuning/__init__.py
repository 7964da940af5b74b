"""Automatic parameters: pixels are held out, and the recipe that predicts them best is taken."""

from .choice import Choice, Request
from .choose import choose
from .depth import DeepRequest, choose_depth

__all__ = ["Choice", "DeepRequest", "Request", "choose", "choose_depth"]
