"""The noise of an image: how far it is correlated between pixels."""

from .noise_correlation import correlation_radius_px

__all__ = ["correlation_radius_px"]
