"""Work shared out to processes and machines by Dask's scheduler; the one file that names distributed."""

from __future__ import annotations

import contextlib
import pickle
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from ..errors import ClusterError
from .cluster_address import local_workers
from .cluster_local import silence, start
from .cluster_task import busy, call, hold, release

Item = TypeVar("Item")
Found = TypeVar("Found")
Shared = TypeVar("Shared")

CONNECTING_S: Final = 15.0
"""Longest wait for a scheduler to answer."""

WAITING_S: Final = 120.0
"""Longest wait for a first worker, and for another one when all are lost."""

ENDING_S: Final = 60.0
"""Longest wait for tasks that have begun when the others are called off."""

AHEAD: Final = 3
"""Tasks handed out for each worker: the next ones are there when one ends, and the scheduler never holds a million."""

SAME: Final = ("python", "sparsescope", "dask", "distributed")
"""What must be the same version everywhere, for tasks to be understood and results to be the same."""


LOST: Final = "the scheduler of the cluster is lost: start it and its workers again, and go on with --resume"


@dataclass(frozen=True)
class Worker:
    """One process that works.

    Attributes
    ----------
    address : str
        Where it listens.
    threads : int
        That it may use.
    memory_bytes : int or None
        Above which it is ended; None where it has no limit.
    """

    address: str
    threads: int
    memory_bytes: int | None


class Cluster:
    """Workers that functions are sent to; made by :meth:`open`, given back by ``with`` or :meth:`close`.

    Functions and what they are given travel by pickle, between the processes of one user: never open a scheduler's port
    to others.
    """

    def __init__(self, client: Any, made: Any, quiet: contextlib.ExitStack, wait_s: float) -> None:
        self._client, self._made, self._quiet, self._wait_s = client, made, quiet, wait_s
        self.local: bool = made is not None
        self.notes: tuple[str, ...] = ()

    @classmethod
    def open(
        cls,
        address: str,
        *,
        threads_per_worker: int = 1,
        memory_bytes_per_worker: int | None = None,
        connecting_s: float = CONNECTING_S,
        wait_s: float = WAITING_S,
    ) -> Self:
        """Start processes on this machine, or connect to a scheduler that runs.

        Parameters
        ----------
        address : str
            ``"local:N"``, ``"tcp://host:port"`` or ``"tls://host:port"``.
        threads_per_worker : int
            Of processes started here.
        memory_bytes_per_worker : int, optional
            Above which a process started here is ended and begun anew; no limit when left out.
        connecting_s, wait_s : float
            Longest wait for a scheduler, and for its first worker.

        Raises
        ------
        ClusterError
            If the address is none, nobody answers, no worker is there, or versions differ.
        """
        count = local_workers(address)
        distributed = _library()
        quiet = contextlib.ExitStack()
        try:
            quiet.enter_context(silence())
            made = None if count is None else start(distributed, count, threads_per_worker, memory_bytes_per_worker)
            opened = cls(None, made, quiet, wait_s)
            quiet.push(opened._leave)
            opened._client = _connect(distributed, address, made, connecting_s)
            opened._first_worker(address)
            opened.notes = opened._versions()
        except BaseException:
            quiet.close()
            raise
        return opened

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes that were started; a scheduler that ran before goes on."""
        self._quiet.close()

    @property
    def dashboard(self) -> str:
        """Address of the page on which Dask shows what every worker does; empty where there is none."""
        with contextlib.suppress(Exception):  # a scheduler without a page has no such address
            return str(self._client.dashboard_link or "")
        return ""

    def workers(self) -> list[Worker]:
        """Return the workers that are there now."""
        found: Mapping[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
        return [
            Worker(address, int(one["nthreads"]), int(one.get("memory_limit") or 0) or None)
            for address, one in sorted(found.items())
        ]

    def on_every_worker(self, function: Callable[[], Found]) -> list[Found]:
        """Call a function in each worker's process, and return what it finds."""
        with _in_words():
            return list(_again(lambda: self._client.run(function)).values())

    def each(
        self,
        function: Callable[[Shared, Item], Found],
        items: Iterable[Item],
        on_done: Callable[[Item, Found], None],
        *,
        shared: Shared,
        name: str = "work",
    ) -> None:
        """Call ``function(shared, item)`` on every item in some worker, in any order.

        Parameters
        ----------
        function : callable
            Of a module that workers can import; may be called more than once with an item whose worker was lost.
        items : iterable
            What to work on; taken when there is somebody to work on it.
        on_done : callable
            Called here, in this thread, with an item and what the function returned; once for each item.
        shared : object
            Sent to each worker once.
        name : str
            What the dashboard calls it.

        Raises
        ------
        ClusterError
            If an item ended the processes of several workers, or the scheduler or all workers are lost. Tasks that have
            not begun are called off then, also after an error of the function, which is raised as it is, or Ctrl-C.
        """
        token = secrets.token_hex(8)
        waiting: dict[Any, Item] = {}
        with self._calling_off(waiting), self._holding(token, shared):
            done = _library().as_completed(loop=self._client.loop)
            rest = enumerate(items)
            seen = _Seen(self, time.monotonic())

            def hand_out() -> None:
                for number, item in islice(rest, max(0, seen.most - len(waiting))):
                    key = f"{name}-{token}-{number}"
                    with _in_words():
                        future = self._client.submit(call, function, token, item, key=key, pure=False)
                    waiting[future] = item
                    done.add(future)

            hand_out()
            while waiting:
                if not done.has_ready():
                    seen.look()
                    time.sleep(0.01)
                    continue
                batch = done.next_batch(block=False)
                with _in_words():
                    found = self._client.gather(dict(enumerate(batch)), errors="skip")  # does what is lost again
                for number, future in enumerate(batch):
                    on_done(waiting.pop(future), _value(future, found[number], name))
                seen.moved()
                hand_out()

    @contextlib.contextmanager
    def _holding(self, token: str, shared: Any) -> Iterator[None]:
        """Have every worker hold what is shared, also those that come later, while the block runs."""
        plugin = _plugin(token, pickle.dumps(shared))
        with _in_words():
            _again(lambda: self._client.register_plugin(plugin, name=token))
        try:
            yield
        finally:
            with contextlib.suppress(Exception):  # who is gone holds nothing
                self._client.unregister_worker_plugin(token)

    @contextlib.contextmanager
    def _calling_off(self, waiting: Mapping[Any, Any]) -> Iterator[None]:
        """Call off what has not begun when the block ends by an error, and wait for what has."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(Exception):  # a scheduler that is gone has nothing to call off
                self._client.cancel(list(waiting), force=True)
                if not self.local:
                    self._at_rest()
            raise

    def _at_rest(self) -> None:
        until = time.monotonic() + ENDING_S
        while time.monotonic() < until and any(self._client.run(busy).values()):
            time.sleep(0.2)

    def _first_worker(self, address: str) -> None:
        try:
            self._client.wait_for_workers(1, timeout=self._wait_s)
        except TimeoutError:
            raise ClusterError(
                f"the scheduler at {address} has no workers after {self._wait_s:.0f} s: start some "
                f"(dask worker {address}), and see whether their job waits in a queue"
            ) from None

    def _versions(self) -> tuple[str, ...]:
        """Refuse workers of another version; return what is to be said of other differences."""
        found = self._client.get_versions(packages=["sparsescope", "numba", "scipy"])
        here = found["client"]["packages"]
        notes = []
        for address, one in found["workers"].items():
            there = one["packages"]
            for package, version in here.items():
                theirs = there.get(package)
                if _short(package, version) == _short(package, theirs):
                    continue
                said = f"{package} {_short(package, theirs) or 'missing'} on {address}, {_short(package, version)} here"
                if package in SAME:
                    raise ClusterError(f"{said}: install the same versions for the workers and start them again")
                if package in ("numpy", "numba", "scipy"):
                    notes.append(f"{said}: results may differ in their last digits")
        return tuple(sorted(notes)[:3])

    def _leave(self, *_: object) -> bool:
        for one in (self._client, self._made):
            with contextlib.suppress(Exception):  # what is gone already needs no closing
                if one is not None:
                    one.close(timeout=10)
        return False


class _Seen:
    """Whether there is still somebody who works, looked at now and then."""

    def __init__(self, cluster: Cluster, now: float) -> None:
        self.cluster, self.alive, self.looked = cluster, now, now
        self.most = AHEAD * max(1, len(cluster.workers()))

    def moved(self) -> None:
        self.alive = time.monotonic()

    def look(self) -> None:
        now = time.monotonic()
        if now - self.looked < 1:
            return
        self.looked = now
        count = len(self.cluster.workers())
        if count:
            self.alive, self.most = now, AHEAD * count
        elif now - self.alive > self.cluster._wait_s:
            raise ClusterError(
                f"all workers are lost, and no other has come for {self.cluster._wait_s:.0f} s: start some again, and "
                "go on with --resume"
            )


def _library() -> Any:
    try:
        import distributed
    except ImportError:
        raise ClusterError("--cluster needs Dask's scheduler: pip install 'sparsescope[cluster]'") from None
    return distributed


def _connect(distributed: Any, address: str, made: Any, connecting_s: float) -> Any:
    where = made if made is not None else address.strip()
    try:
        return distributed.Client(where, timeout=connecting_s, set_as_default=False)
    except (OSError, TimeoutError, ImportError, ValueError) as error:
        text = next(iter(str(error).splitlines()), "")
        why = "" if not text or "imed out" in text else f" ({text})"
        raise ClusterError(
            f"no scheduler answers at {address} within {connecting_s:.0f} s{why}: look whether it runs "
            "(dask scheduler), whether address and port are right, and whether this machine may reach it"
        ) from None


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """Turn the loss of the scheduler into words; only calls of the library stand in this block."""
    from concurrent.futures import CancelledError

    try:
        yield
    except (
        CancelledError,
        _library().CancelledError,
        OSError,
    ):  # connections that are closed and waits are among these
        raise ClusterError(LOST) from None


def _again(tell: Callable[[], Found], times: int = 5) -> Found:
    """Tell every worker something; a few times, where one is just being lost."""
    for _ in range(times - 1):
        try:
            return tell()
        except OSError:
            time.sleep(0.5)
    return tell()


def _plugin(token: str, content: bytes) -> Any:
    """Return what gives the content to a worker when it starts; a task's argument would draw tasks to who has it."""

    class Holding(_library().WorkerPlugin):  # type: ignore[misc]  # made here, as the library is imported only when used
        def setup(self, worker: Any) -> None:  # noqa: ARG002
            hold(token, content)

        def teardown(self, worker: Any) -> None:  # noqa: ARG002
            release(token)

    return Holding()


def _short(package: str, version: str | None) -> str | None:
    """Return the part of a version that has to agree: of Python the first two numbers."""
    return ".".join(version.split(".")[:2]) if package == "python" and version else version


def _value(future: Any, found: tuple[Any] | None, name: str) -> Any:
    """Return what a task has found; raise what it raised where it found nothing."""
    if found is not None:
        return found[0]
    error = future.exception()
    if error is None:
        raise ClusterError(LOST)
    if isinstance(error, _library().KilledWorker):
        raise ClusterError(
            f"{error.allowed_failures + 1} workers were lost one after the other over the same part of the work "
            f"({error.task.rsplit('-', 1)[-1]} of {name}), the last at {error.last_worker.address}: perhaps its memory "
            "did not do (--max-memory is for each worker), or their jobs were ended; then go on with --resume"
        ) from None
    raise error
