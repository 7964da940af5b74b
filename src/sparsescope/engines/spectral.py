"""Image formation with any PSF: real Fourier transforms of good sizes, plane by plane in cache, without wrap-around."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy import fft

from . import Arithmetic, Float32Array, Read, Turn, Write
from .arithmetic import Fused
from .imaging import Domain, Scratch, extended_for
from .separable import Run

Complex64Array = npt.NDArray[np.complex64]
Place = tuple[slice, ...]

CHUNK_BYTES = 400_000
"""Columns along z that are transformed together: they stay in the second-level cache."""


def transform_lengths(domain: Domain, psf_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Lengths of good size at which what is computed inside the field meets nothing from the other side.

    Data pixel i and object pixel j are i + before − j apart, from −(n + after − 1) to n + before − 1; a period of
    n + max(before, after) + reach keeps every other distance outside the PSF.
    """
    k = len(psf_shape)
    sizes = zip(domain.data_shape[-k:], domain.before[-k:], domain.after[-k:], psf_shape, strict=True)
    return tuple(int(fft.next_fast_len(n + max(b, a) + size // 2, real=True)) for n, b, a, size in sizes)


def reachable(domain: Domain, psf_shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Cut a PSF to the distances that occur between an object pixel and a data pixel."""
    k = len(psf_shape)
    most = [n + max(b, a) - 1 for n, b, a in zip(domain.data_shape, domain.before, domain.after, strict=True)][-k:]
    return tuple(slice(max(0, n // 2 - m), n // 2 + m + 1) for n, m in zip(psf_shape, most, strict=True))


class _Planes:
    """Transforms of padded planes: the part of both operators that acts along y and x."""

    def __init__(self, psf: Float32Array, data_shape: tuple[int, ...], run: Run, workers: int) -> None:
        domain = extended_for(data_shape, psf)
        self.object_shape, self.data_shape, self.field = domain.object_shape, domain.data_shape, domain.field
        self.psf = psf[reachable(domain, psf.shape)]
        self.lengths = transform_lengths(domain, self.psf.shape)
        self.run, self.workers = run, workers
        self.at_object = tuple(slice(0, n) for n in self.object_shape[-2:])
        self.at_data = self.field[-2:]

    def spectrum(self, values: Float32Array, place: Place) -> Complex64Array:
        padded = np.zeros(self.lengths[-2:], np.float32)
        padded[place] = values
        return np.asarray(fft.rfft2(padded, workers=self.workers, overwrite_x=True))

    def values(self, spectrum: Complex64Array, place: Place) -> Float32Array:
        padded = fft.irfft2(spectrum, self.lengths[-2:], workers=self.workers, overwrite_x=True)
        return np.ascontiguousarray(padded[place])

    def transfer(self, psf: Float32Array) -> Complex64Array:
        """Spectrum of a plane of the PSF with its middle at the origin."""
        padded = np.zeros(self.lengths[-2:], np.float32)
        padded[: psf.shape[0], : psf.shape[1]] = psf
        padded = np.roll(padded, [-(n // 2) for n in psf.shape], (0, 1))
        return np.asarray(fft.rfft2(padded, workers=self.workers))


class Flat(_Planes):
    """H for a PSF of two axes, on a plane or on each plane of a stack.

    Parameters
    ----------
    psf : array, shape (Y, X)
        Odd lengths.
    data_shape : tuple of int
        Of the data on this grid, two or three axes.
    run : callable
        Runs independent jobs, several at once where there are threads.
    workers : int
        Threads of the transforms of a single plane.
    """

    gain: float = 1.0
    arithmetic: Arithmetic = Fused()

    def __init__(self, psf: Float32Array, data_shape: tuple[int, ...], run: Run, workers: int) -> None:
        super().__init__(psf, data_shape, run, workers if len(data_shape) == 2 else 1)
        self._otf = self.transfer(self.psf)
        self._back = self._otf.conj()
        count = 1 if len(data_shape) == 2 else data_shape[0]
        self._parts = [slice(0, None) if len(data_shape) == 2 else slice(z, z + 1) for z in range(count)]

    def forward(self, x: Float32Array) -> Float32Array:
        """Return H x."""
        out = np.empty(self.data_shape, np.float32)

        def work(part: slice) -> None:
            out[part] = self._ahead(x[part])

        self.run([partial(work, part) for part in self._parts])
        return out

    def adjoint(self, residual: Float32Array) -> Float32Array:
        """Return Hᵀ r."""
        out = np.empty(self.object_shape, np.float32)

        def work(part: slice) -> None:
            out[part] = self._home(residual[part])

        self.run([partial(work, part) for part in self._parts])
        return out

    def sandwich(self, read: Read, turn: Turn, write: Write) -> None:
        """Pass ``Hᵀ turn(H read)`` on to `write`."""
        rows = self.object_shape[0], self.data_shape[0]

        def work(part: slice) -> None:
            there, here = (part if part.stop else slice(0, n) for n in rows)
            x = np.empty((there.stop - there.start, *self.object_shape[1:]), np.float32)
            read(there, x)
            expected = self._ahead(x)
            turn(here, expected)
            write(there, self._home(expected))

        self.run([partial(work, part) for part in self._parts])

    def release(self) -> None:
        """Give nothing back: nothing is kept."""

    def _ahead(self, x: Float32Array) -> Float32Array:
        spectrum = self.spectrum(x.reshape(self.object_shape[-2:]), self.at_object)
        spectrum *= self._otf
        return self.values(spectrum, self.at_data).reshape(*x.shape[:-2], *self.data_shape[-2:])

    def _home(self, residual: Float32Array) -> Float32Array:
        spectrum = self.spectrum(residual.reshape(self.data_shape[-2:]), self.at_data)
        spectrum *= self._back
        return self.values(spectrum, self.at_object).reshape(*residual.shape[:-2], *self.object_shape[-2:])


class Deep(_Planes):
    """H for a PSF of three axes on a volume.

    Planes are transformed one by one and only where there is something in them; transform along z, product with the
    OTF and transform back are one pass over chunks of columns. Only the spectrum of the object's planes is kept.

    Parameters
    ----------
    psf : array, shape (Z, Y, X)
        Odd lengths.
    data_shape : tuple of int
        Of the data on this grid.
    run : callable
        Runs independent jobs, several at once where there are threads.
    """

    gain: float = 1.0
    arithmetic: Arithmetic = Fused()

    def __init__(self, psf: Float32Array, data_shape: tuple[int, ...], run: Run) -> None:
        super().__init__(psf, data_shape, run, 1)
        self._first, self._depth = self.field[0].start, data_shape[0]
        deep, height, width = self.lengths[0], self.lengths[1], self.lengths[2] // 2 + 1
        step = max(1, CHUNK_BYTES // (8 * deep * width))
        self._chunks = [slice(a, min(a + step, height)) for a in range(0, height, step)]
        self._otf = np.zeros((deep, height, width), np.complex64)
        middle = len(self.psf) // 2

        def plane(z: int) -> None:
            self._otf[z - middle] = self.transfer(self.psf[z])

        def column(chunk: slice) -> None:
            self._otf[:, chunk] = fft.fft(self._otf[:, chunk], axis=0)

        self.run([partial(plane, z) for z in range(len(self.psf))])
        self.run([partial(column, chunk) for chunk in self._chunks])
        kept = (self.object_shape[0], height, width)
        self._spectra: Scratch[Complex64Array] = Scratch(lambda: np.empty(kept, np.complex64))

    def forward(self, x: Float32Array) -> Float32Array:
        """Return H x."""
        out = np.empty(self.data_shape, np.float32)
        with self._spectra.lent() as spectra:
            self._analyse(spectra, lambda z: x[z])
            self.run([partial(self._ahead, spectra, chunk) for chunk in self._chunks])

            def synthesise(z: int) -> None:
                out[z] = self.values(spectra[self._first + z], self.at_data)

            self.run([partial(synthesise, z) for z in range(self._depth)])
        return out

    def adjoint(self, residual: Float32Array) -> Float32Array:
        """Return Hᵀ r."""
        out = np.empty(self.object_shape, np.float32)
        with self._spectra.lent() as spectra:

            def analyse(z: int) -> None:
                spectra[self._first + z] = self.spectrum(residual[z], self.at_data)

            def keep(z: int, back: Float32Array) -> None:
                out[z] = back

            self.run([partial(analyse, z) for z in range(self._depth)])
            self._return(spectra, keep)
        return out

    def sandwich(self, read: Read, turn: Turn, write: Write) -> None:
        """Pass ``Hᵀ turn(H read)`` on to `write`."""

        def plane(z: int) -> Float32Array:
            x = np.empty((1, *self.object_shape[1:]), np.float32)
            read(slice(z, z + 1), x)
            plane: Float32Array = x[0]
            return plane

        def turned(spectra: Complex64Array, z: int) -> None:
            expected = self.values(spectra[self._first + z], self.at_data)
            turn(slice(z, z + 1), expected[None])
            spectra[self._first + z] = self.spectrum(expected, self.at_data)

        with self._spectra.lent() as spectra:
            self._analyse(spectra, plane)
            self.run([partial(self._ahead, spectra, chunk) for chunk in self._chunks])
            self.run([partial(turned, spectra, z) for z in range(self._depth)])
            self._return(spectra, lambda z, back: write(slice(z, z + 1), back[None]))

    def release(self) -> None:
        """Give back the memory that is kept between sandwiches."""
        self._spectra.clear()

    def _analyse(self, spectra: Complex64Array, plane: Callable[[int], Float32Array]) -> None:
        def analyse(z: int) -> None:
            spectra[z] = self.spectrum(plane(z), self.at_object)

        self.run([partial(analyse, z) for z in range(self.object_shape[0])])

    def _return(self, spectra: Complex64Array, write: Callable[[int, Float32Array], None]) -> None:
        """Adjoint from the spectra of the data's planes to the object's planes."""

        def synthesise(z: int) -> None:
            write(z, self.values(spectra[z], self.at_object))

        self.run([partial(self._home, spectra, chunk) for chunk in self._chunks])
        self.run([partial(synthesise, z) for z in range(self.object_shape[0])])

    def _ahead(self, spectra: Complex64Array, chunk: slice) -> None:
        """From the object's planes to the data's, for some columns."""
        columns = fft.fft(spectra[:, chunk], len(self._otf), axis=0)
        columns *= self._otf[:, chunk]
        columns = fft.ifft(columns, axis=0, overwrite_x=True)
        within = slice(self._first, self._first + self._depth)
        spectra[within, chunk] = columns[within]

    def _home(self, spectra: Complex64Array, chunk: slice) -> None:
        """From the data's planes back to the object's; transformed as if the data's first plane were the origin."""
        first = self._first
        columns = fft.fft(spectra[first : first + self._depth, chunk], len(self._otf), axis=0)
        columns *= self._otf[:, chunk].conj()
        columns = fft.ifft(columns, axis=0, overwrite_x=True)
        spectra[first:, chunk] = columns[: len(spectra) - first]
        spectra[:first, chunk] = columns[len(columns) - first :]
