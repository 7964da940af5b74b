"""Zarr stores in a folder: nothing outside it is read, no codec that runs code is built; names zarr."""

from __future__ import annotations

import functools
import json
import math
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError

MARKS = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
"""Files that make a folder a Zarr store."""

PACKING = 1
"""Level of Zstandard: results are 1 to 4 % larger than at level 3, and packed in less than half the time."""

_MOST_JSON = 2**26
_MOST_CHUNK = 2**31
_MOST_LENGTH = 2**40

_CODECS_2 = {"blosc", "zstd", "zlib", "gzip", "lz4", "bz2", "lzma", "shuffle", "delta", "bitround"}
_CODECS_3 = {"bytes", "blosc", "zstd", "gzip", "crc32c", "transpose", "sharding_indexed"}
_TYPES_3 = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)} | {"float32", "float64", "float16"}


def is_store(path: Path) -> bool:
    """Whether a folder is a Zarr group or array."""
    return path.is_dir() and any((path / mark).is_file() for mark in MARKS)


def inside(root: Path, key: str) -> Path:
    """Return the path of a key in a store; raise InputError when it, or a link on the way, leaves the folder."""
    parts = key.split("/") if key else []
    path = root.joinpath(*parts) if all(part not in ("", ".", "..") for part in parts) else None
    base = os.path.realpath(root)
    if path is None or os.path.commonpath([base, os.path.realpath(path)]) != base:
        raise InputError(f"{root.name} refers to {key!r}, outside its folder: such a store is not read")
    return path


def read_json(root: Path, key: str) -> dict[str, Any] | None:
    """Return a JSON object of a store, None where there is no such file."""
    path = inside(root, key)
    if not path.is_file():
        return None
    if path.stat().st_size > _MOST_JSON:
        raise InputError(f"{root.name}: {key} has {path.stat().st_size} bytes, too many for metadata")
    try:
        found = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{root.name} is damaged: {key} is not a JSON object. Copy the folder again")
    return found


def join(*keys: str) -> str:
    """Join the parts of a key."""
    return "/".join(key.strip("/") for key in keys if key.strip("/"))


def attributes(root: Path, key: str = "") -> dict[str, Any] | None:
    """Return the attributes of a group or array, None where there is neither."""
    three = read_json(root, join(key, "zarr.json"))
    if three is not None:
        found = three.get("attributes", {})
        return found if isinstance(found, dict) else {}
    two = read_json(root, join(key, ".zattrs"))
    marked = any(inside(root, join(key, mark)).is_file() for mark in (".zgroup", ".zarray"))
    return two if two is not None else {} if marked else None


def is_array(root: Path, key: str = "") -> bool:
    """Whether a key is an array rather than a group."""
    three = read_json(root, join(key, "zarr.json"))
    return three.get("node_type") == "array" if three is not None else inside(root, join(key, ".zarray")).is_file()


def open_array(root: Path, key: str) -> Any:
    """Open an array for reading after its metadata have proved harmless.

    Raises
    ------
    InputError
        If there is no such array, its numbers are objects or text, a codec is not one of those known to be plain
        data, or its chunks are larger than 2 GiB.
    """
    where = f"{root.name}: the array {key or '.'}"
    three, two = read_json(root, join(key, "zarr.json")), read_json(root, join(key, ".zarray"))
    if three is not None:
        _check_3(where, three)
    elif two is not None:
        _check_2(where, two)
    else:
        raise InputError(f"{where} is not there: the folder is not complete. Copy it again")
    import zarr

    version: Any = 2 if three is None else 3
    return zarr.open_array(store=_confined()(root, read_only=True), path=key, mode="r", zarr_format=version)


@functools.cache
def _confined() -> Any:
    """Return the class of stores that read nothing outside their folder."""
    from zarr.storage import LocalStore

    class Confined(LocalStore):
        """A folder whose links are followed only where they stay in it."""

        async def get(self, key: str, *rest: Any, **more: Any) -> Any:
            inside(Path(self.root), key)
            return await super().get(key, *rest, **more)

        async def get_partial_values(self, prototype: Any, key_ranges: Any) -> Any:
            wanted = list(key_ranges)
            for key, _ in wanted:
                inside(Path(self.root), key)
            return await super().get_partial_values(prototype, wanted)

    return Confined


def _check_2(where: str, found: Mapping[str, Any]) -> None:
    dtype = found.get("dtype")
    if not isinstance(dtype, str) or not re.fullmatch(r"[<>|][uif][1248]", dtype):
        raise InputError(f"{where} holds {dtype!r}, not integers or floating point: it cannot be used")
    codecs = [found.get("compressor"), *(found.get("filters") or [])]
    for codec in codecs:
        name = codec.get("id") if isinstance(codec, dict) else codec
        if codec is not None and name not in _CODECS_2:
            raise InputError(
                f"{where} is packed by {name!r}, which is not read (allowed: {', '.join(sorted(_CODECS_2))})"
            )
    _check_sizes(where, found.get("shape"), found.get("chunks"), int(dtype[-1]))


def _check_3(where: str, found: Mapping[str, Any]) -> None:
    if found.get("node_type") != "array":
        raise InputError(f"{where} is not there: there is a group instead")
    dtype = found.get("data_type")
    if dtype not in _TYPES_3:
        raise InputError(f"{where} holds {dtype!r}, not integers or floating point: it cannot be used")
    _check_codecs(where, found.get("codecs"))
    grid = found.get("chunk_grid")
    chunks = grid.get("configuration", {}).get("chunk_shape") if isinstance(grid, dict) else None
    _check_sizes(where, found.get("shape"), chunks, int(re.sub(r"\D", "", dtype)) // 8)


def _check_codecs(where: str, codecs: Any) -> None:
    for codec in codecs if isinstance(codecs, list) else [codecs]:
        name = codec.get("name") if isinstance(codec, dict) else codec
        if name not in _CODECS_3:
            raise InputError(
                f"{where} is packed by {name!r}, which is not read (allowed: {', '.join(sorted(_CODECS_3))})"
            )
        inner = codec.get("configuration") if isinstance(codec, dict) else None
        if name == "sharding_indexed" and isinstance(inner, dict):
            _check_codecs(where, inner.get("codecs"))
            _check_codecs(where, inner.get("index_codecs", []))


def _check_sizes(where: str, shape: Any, chunks: Any, itemsize: int) -> None:
    def whole(numbers: Any) -> bool:
        return isinstance(numbers, list) and all(type(n) is int and 0 < n < _MOST_LENGTH for n in numbers)

    if not whole(shape) or not whole(chunks) or len(shape) != len(chunks) or not 2 <= len(shape) <= 8:
        raise InputError(f"{where} is damaged: its shape is {shape!r} and that of its chunks {chunks!r}")
    if math.prod(chunks) * itemsize > _MOST_CHUNK:
        raise InputError(
            f"{where} has chunks of {math.prod(chunks) * itemsize / 1e9:.1f} GB; at most 2.1 GB are read. "
            "Store it again with smaller chunks"
        )


@dataclass(frozen=True)
class Grid:
    """How an array lies in files now.

    Attributes
    ----------
    shape : tuple of int
        Of the array.
    files : tuple of int
        Of what is in one file: a chunk or a shard.
    """

    shape: tuple[int, ...]
    files: tuple[int, ...]
    _prefix: str
    _separator: str

    def name(self, index: Sequence[int]) -> str:
        """Return the key of the file with this place among all."""
        return self._prefix + self._separator.join(map(str, index))


def grid(root: Path, key: str) -> Grid:
    """Return how an array lies in files, as its metadata say now; raise InputError as :func:`open_array`."""
    where = f"{root.name}: the array {key or '.'}"
    three, two = read_json(root, join(key, "zarr.json")), read_json(root, join(key, ".zarray"))
    base = f"{key}/" if key else ""
    if three is not None:
        _check_3(where, three)
        named = three.get("chunk_key_encoding") or {}
        default = named.get("name") != "v2"
        separator = (named.get("configuration") or {}).get("separator", "/" if default else ".")
        chunks = three["chunk_grid"]["configuration"]["chunk_shape"]
        return Grid(tuple(three["shape"]), tuple(chunks), base + (f"c{separator}" if default else ""), separator)
    if two is None:
        raise InputError(f"{where} is not there: the folder is not complete. Copy it again")
    _check_2(where, two)
    return Grid(tuple(two["shape"]), tuple(two["chunks"]), base, two.get("dimension_separator") or ".")


def missing_chunks(root: Path, key: str, array: Any, most: int = 10_000) -> tuple[int, int] | None:
    """Return how many chunks (or shards) an array has no file for, and how many it has in all; None above `most`."""
    per_file = array.shards or array.chunks
    total = math.prod(-(-n // c) for n, c in zip(array.shape, per_file, strict=True))
    if total > most:
        return None
    folder = inside(root, key)
    there = sum(path.is_file() and path.name not in MARKS for path in folder.rglob("*"))
    return max(total - there, 0), total


def new_group(folder: Path, version: int) -> Any:
    """Create a group in an empty folder, of Zarr format 2 or 3."""
    import zarr

    form: Any = version
    return zarr.create_group(store=_staged()(folder), zarr_format=form)


def open_group(folder: Path) -> Any:
    """Open a group that :func:`new_group` made, to go on writing into its arrays.

    Raises
    ------
    InputError
        If there is no such group, or it is damaged.
    """
    import zarr

    if not is_store(folder) or is_array(folder):
        raise InputError(f"{folder} is no group of arrays in the Zarr format: nothing can be added to it")
    form: Any = 2 if read_json(folder, "zarr.json") is None else 3
    return zarr.open_group(store=_staged()(folder), mode="r+", zarr_format=form)


def arrays_of(group: Any) -> list[Any]:
    """Return the arrays named 0, 1, … of a group, to be written into; every chunk is written, also one of zeros."""
    import zarr

    found: list[Any] = []
    with zarr.config.set({"array.write_empty_chunks": True}):
        while (name := str(len(found))) in group:
            found.append(group[name])
    return found


def hold_sizes(group: Any) -> None:
    """Keep new sizes of arrays from the disk until :func:`show_sizes`: no reader is to see chunks that are missing."""
    group.store.held = {}


def show_sizes(group: Any) -> None:
    """Write the sizes that were held back, coarse levels first: what a reader finds in the first is in all others."""
    store = group.store
    held = store.held or {}
    for key in sorted(held, key=lambda key: (-int(key.split("/")[0]), key)):
        path = Path(store.root) / key
        part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.partial")
        part.write_bytes(held[key])
        try:
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    store.held = None


def tidy(folder: Path) -> None:
    """Remove what writers that were killed have left: files that had not got their names yet."""
    for path in folder.rglob("*.partial"):
        path.unlink(missing_ok=True)


@functools.cache
def _staged() -> Any:
    """Return the class of stores in which sizes of arrays can be held back."""
    from zarr.storage import LocalStore

    class Staged(LocalStore):
        """A folder; while `held` is a dict, metadata of arrays go there."""

        held: dict[str, bytes] | None = None

        async def set(self, key: str, value: Any) -> None:
            if self.held is not None and key.partition("/")[2] in MARKS:
                self.held[key] = value.to_bytes()
            else:
                await super().set(key, value)

    return Staged


def new_array(
    group: Any, name: str, shape: Sequence[int], chunks: Sequence[int], dtype: str, axes: Sequence[str]
) -> Any:
    """Create an array in a group: Blosc with Zstandard, every chunk written, keys with slashes."""
    from zarr import codecs

    three = group.metadata.zarr_format == 3
    if three:
        compressor: Any = codecs.BloscCodec(cname="zstd", clevel=PACKING, shuffle="shuffle")
    else:
        import numcodecs

        compressor = numcodecs.Blosc(cname="zstd", clevel=PACKING, shuffle=numcodecs.Blosc.SHUFFLE)
    return group.create_array(
        name,
        shape=tuple(shape),
        chunks=tuple(chunks),
        dtype=dtype,
        compressors=compressor,
        fill_value=0,
        dimension_names=list(axes) if three else None,
        chunk_key_encoding={"name": "default" if three else "v2", "separator": "/"},
        config={"write_empty_chunks": True},
    )
