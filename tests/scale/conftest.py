"""A cluster that tests share: two processes of one thread, which start once for a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sparsescope.scale.cluster import Cluster


@pytest.fixture(scope="session")
def shared_cluster() -> Iterator[Cluster]:
    pytest.importorskip("distributed")
    with Cluster.open("local:2", memory_bytes_per_worker=2 * 10**9) as opened:
        yield opened


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """The two workers; those that an earlier test has killed are back."""
    shared_cluster._client.wait_for_workers(2, timeout=60)
    return shared_cluster
