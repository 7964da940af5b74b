"""What all tests share: one thread, the folder of real data, hypothesis settings, no skip for a missing tool in CI."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

hypothesis.settings.register_profile("sparsescope", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("sparsescope")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Engines take one thread where a test names no number: on small images the others wake too slowly to help."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sparsescope.engines.cpu.available_threads", lambda: 1)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real images beside the repository; tests that use it skip where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data folder is not beside the repository")
    return folder


def _fail_missing_tool(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In continuous integration a test that skips because a tool is missing has failed."""
    if report.skipped and os.environ.get("CI") and isinstance(report.longrepr, tuple):
        path, line, reason = report.longrepr
        if "missing tool:" in reason:
            report.outcome = "failed"
            report.longrepr = f"{path}:{line}: {reason} (install it: with CI set this counts as a failure)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_missing_tool(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_missing_tool(report)
    return report
