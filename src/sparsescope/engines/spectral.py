"""Image formation with any PSF: real Fourier transforms of good sizes, slab by slab in cache, without wrap-around."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy import fft

from . import Arithmetic, Float32Array, Read, Turn, Write
from .fused import Fused
from .imaging import Domain, Scratch, extended_for
from .separable import Run

Complex64Array = npt.NDArray[np.complex64]
Place = tuple[slice, ...]

ROWS = 64
"""Rows of a plane that are transformed together."""

CHUNK_BYTES = 400_000
"""Columns along the first axis that are transformed together: they stay in the second-level cache."""


def transform_lengths(domain: Domain, psf_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Lengths of good size at which what is computed inside the field meets nothing from the other side.

    Data pixel i and object pixel j are i + before − j apart, from −(n + after − 1) to n + before − 1; a period of
    n + max(before, after) + reach keeps every other distance outside the PSF.
    """
    k = len(psf_shape)
    sizes = zip(domain.data_shape[-k:], domain.before[-k:], domain.after[-k:], psf_shape, strict=True)
    least = [n + max(b, a) + size // 2 for n, b, a, size in sizes]
    return tuple(int(fft.next_fast_len(n, real=axis == k - 1)) for axis, n in enumerate(least))


def reachable(domain: Domain, psf_shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Cut a PSF to the distances that occur between an object pixel and a data pixel."""
    k = len(psf_shape)
    most = [n + max(b, a) - 1 for n, b, a in zip(domain.data_shape, domain.before, domain.after, strict=True)][-k:]
    return tuple(slice(max(0, n // 2 - m), n // 2 + m + 1) for n, m in zip(psf_shape, most, strict=True))


class Spectral:
    """H for a PSF of as many axes as the data.

    Slabs (a plane of a volume, some rows of a plane) are transformed one by one and only where there is something in
    them; transform along the first axis, product with the OTF and transform back are one pass over chunks of columns.
    Only the spectra of the object's slabs are kept.

    Parameters
    ----------
    psf : array, shape (Y, X) or (Z, Y, X)
        Odd lengths.
    data_shape : tuple of int
        Of the data on this grid.
    run : callable
        Runs independent jobs, several at once where there are threads.
    align : int
        Slabs of a plane's rows begin at multiples of it.
    """

    gain: float = 1.0
    arithmetic: Arithmetic = Fused()

    def __init__(self, psf: Float32Array, data_shape: tuple[int, ...], run: Run, align: int = 1) -> None:
        domain = extended_for(data_shape, psf)
        self.object_shape, self.data_shape, self.field = domain.object_shape, domain.data_shape, domain.field
        psf = psf[reachable(domain, psf.shape)]
        period, *self._lengths = transform_lengths(domain, psf.shape)
        self._axes = tuple(range(1, psf.ndim))
        self._at_object = tuple(slice(0, n) for n in self.object_shape[1:])
        self._run, self._step = run, 1 if psf.ndim == 3 else -(-ROWS // align) * align
        widths = (*self._lengths[:-1], self._lengths[-1] // 2 + 1)
        step = max(1, CHUNK_BYTES * widths[0] // (8 * period * int(np.prod(widths))))
        self._chunks = [slice(a, min(a + step, widths[0])) for a in range(0, widths[0], step)]
        self._otf = np.zeros((period, *widths), np.complex64)
        self._transfer(psf)
        kept = (self.object_shape[0], *widths)
        self._spectra: Scratch[Complex64Array] = Scratch(lambda: np.empty(kept, np.complex64))

    def _transfer(self, psf: Float32Array) -> None:
        """Fill in the spectrum of the PSF with its middle at the origin."""
        middle = [n // 2 for n in psf.shape]

        def slab(z: int) -> None:
            padded = np.zeros((1, *self._lengths), np.float32)
            padded[:, *(slice(0, n) for n in psf.shape[1:])] = psf[z]
            padded = np.roll(padded, [-m for m in middle[1:]], self._axes)
            self._otf[z - middle[0]] = fft.rfftn(padded, axes=self._axes)[0]

        def column(chunk: slice) -> None:
            self._otf[:, chunk] = fft.fft(self._otf[:, chunk], axis=0)

        self._run([partial(slab, z) for z in range(len(psf))])
        self._run([partial(column, chunk) for chunk in self._chunks])

    def forward(self, x: Float32Array) -> Float32Array:
        """Return H x."""
        out = np.empty(self.data_shape, np.float32)

        def read(part: slice, slab: Float32Array) -> None:
            slab[:] = x[part]

        def take(part: slice, expected: Float32Array) -> None:
            out[part] = expected

        self.ahead(read, take)
        return out

    def adjoint(self, residual: Float32Array) -> Float32Array:
        """Return Hᵀ r."""
        out = np.empty(self.object_shape, np.float32)

        def read(part: slice, slab: Float32Array) -> None:
            slab[:] = residual[part]

        def take(part: slice, back: Float32Array) -> None:
            out[part] = back

        self.home(read, take)
        return out

    def ahead(self, read: Read, take: Write) -> None:
        """Apply H slab by slab: `read` gives the object's, `take` gets the data's."""
        with self._spectra.lent() as spectra:
            self._analyse(spectra, read)
            self._each(self._chunks, lambda chunk: self._ahead(spectra, chunk))

            def synthesise(part: slice) -> None:
                take(part, self._values(spectra[self._shifted(part)], self.field[1:]))

            self._each(self._slabs(self.data_shape), synthesise)

    def home(self, read: Read, take: Write) -> None:
        """Apply Hᵀ slab by slab: `read` gives the data's, `take` gets the object's."""
        with self._spectra.lent() as spectra:

            def analyse(part: slice) -> None:
                slab = np.empty((part.stop - part.start, *self.data_shape[1:]), np.float32)
                read(part, slab)
                spectra[self._shifted(part)] = self._spectrum(slab, self.field[1:])

            self._each(self._slabs(self.data_shape), analyse)
            self._return(spectra, take)

    def sandwich(self, read: Read, turn: Turn, write: Write) -> None:
        """Pass ``Hᵀ turn(H read)`` on to `write`."""
        with self._spectra.lent() as spectra:
            self._analyse(spectra, read)
            self._each(self._chunks, lambda chunk: self._ahead(spectra, chunk))

            def turned(part: slice) -> None:
                there = self._shifted(part)
                expected = self._values(spectra[there], self.field[1:])
                turn(part, expected)
                spectra[there] = self._spectrum(expected, self.field[1:])

            self._each(self._slabs(self.data_shape), turned)
            self._return(spectra, write)

    def release(self) -> None:
        """Give back the memory that is kept between sandwiches."""
        self._spectra.clear()

    def _slabs(self, shape: tuple[int, ...]) -> list[slice]:
        return [slice(a, min(a + self._step, shape[0])) for a in range(0, shape[0], self._step)]

    def _shifted(self, part: slice) -> slice:
        """Where a slab of the data lies in the object."""
        first = self.field[0].start
        return slice(first + part.start, first + part.stop)

    def _each(self, parts: list[slice], work: Callable[[slice], None]) -> None:
        self._run([partial(work, part) for part in parts])

    def _spectrum(self, values: Float32Array, place: Place) -> Complex64Array:
        padded = np.zeros((len(values), *self._lengths), np.float32)
        padded[:, *place] = values
        return np.asarray(fft.rfftn(padded, axes=self._axes, overwrite_x=True))

    def _values(self, spectrum: Complex64Array, place: Place) -> Float32Array:
        padded = fft.irfftn(spectrum, self._lengths, self._axes, overwrite_x=True)
        return np.ascontiguousarray(padded[:, *place])

    def _analyse(self, spectra: Complex64Array, read: Read) -> None:
        def analyse(part: slice) -> None:
            slab = np.empty((part.stop - part.start, *self.object_shape[1:]), np.float32)
            read(part, slab)
            spectra[part] = self._spectrum(slab, self._at_object)

        self._each(self._slabs(self.object_shape), analyse)

    def _return(self, spectra: Complex64Array, write: Write) -> None:
        """Adjoint from the spectra of the data's slabs to the object's slabs."""
        self._each(self._chunks, lambda chunk: self._home(spectra, chunk))
        self._each(
            self._slabs(self.object_shape), lambda part: write(part, self._values(spectra[part], self._at_object))
        )

    def _ahead(self, spectra: Complex64Array, chunk: slice) -> None:
        """From the object's slabs to the data's, for some columns."""
        columns = fft.fft(spectra[:, chunk], len(self._otf), axis=0)
        columns *= self._otf[:, chunk]
        columns = fft.ifft(columns, axis=0, overwrite_x=True)
        spectra[self.field[0], chunk] = columns[self.field[0]]

    def _home(self, spectra: Complex64Array, chunk: slice) -> None:
        """From the data's slabs back to the object's; transformed as if the data's first slab were the origin."""
        first = self.field[0].start
        columns = fft.fft(spectra[self.field[0], chunk], len(self._otf), axis=0)
        columns *= self._otf[:, chunk].conj()
        columns = fft.ifft(columns, axis=0, overwrite_x=True)
        spectra[first:, chunk] = columns[: len(spectra) - first]
        spectra[:first, chunk] = columns[len(columns) - first :]


class Planes:
    """H for each plane of a stack by the operator of one plane.

    Parameters
    ----------
    plane : Spectral
        Of one plane.
    count : int
        Planes of the stack.
    """

    def __init__(self, plane: Spectral, count: int) -> None:
        self.plane, self.gain, self.arithmetic = plane, plane.gain, plane.arithmetic
        self.object_shape, self.data_shape = (count, *plane.object_shape), (count, *plane.data_shape)
        self.field = (slice(0, count), *plane.field)

    def forward(self, x: Float32Array) -> Float32Array:
        """Return H x."""
        return np.stack([self.plane.forward(plane) for plane in x])

    def adjoint(self, residual: Float32Array) -> Float32Array:
        """Return Hᵀ r."""
        return np.stack([self.plane.adjoint(plane) for plane in residual])

    def sandwich(self, read: Read, turn: Turn, write: Write) -> None:
        """Pass ``Hᵀ turn(H read)`` on to `write`."""
        for z in range(self.object_shape[0]):
            part, x = slice(z, z + 1), np.empty((1, *self.plane.object_shape), np.float32)
            read(part, x)
            expected = self.plane.forward(x[0])[None]
            turn(part, expected)
            write(part, self.plane.adjoint(expected[0])[None])

    def release(self) -> None:
        """Give back the memory that is kept between sandwiches."""
        self.plane.release()
