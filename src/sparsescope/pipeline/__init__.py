"""From an image and a recipe to a result: plan every number, then run the stages frame by frame."""

from .outlook import Outlook, outlook
from .plan import Plan, plan
from .result import Progress, Result
from .run import deconvolve

__all__ = ["Outlook", "Plan", "Progress", "Result", "deconvolve", "outlook", "plan"]
