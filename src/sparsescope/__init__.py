"""Sparse deconvolution of fluorescence microscopy images.

The names below are loaded when they are first used, so that ``import sparsescope`` is quick:
:func:`read`, :func:`as_image`, :class:`Image`, :class:`Channel`, :class:`Recipe`, :func:`plan`, :func:`deconvolve`,
:class:`Result`, :func:`write` and :class:`SparsescopeError`.
"""

from lazy_loader import attach_stub

from ._version import __version__ as __version__

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
