"""From an image and a recipe to a result: plan every number, then run the stages frame by frame."""

from .plan import Plan, plan
from .result import Progress, Result
from .run import deconvolve

__all__ = ["Plan", "Progress", "Result", "deconvolve", "plan"]
