"""A skip for a missing tool fails in continuous integration, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

SKIPS = """
import pytest

def test_skips_for_a_tool():
    pytest.skip("missing tool: chromium")

def test_skips_for_data():
    pytest.skip("no shared data")

@pytest.mark.skipif(True, reason="missing tool: xvfb")
def test_skips_by_mark():
    pass
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"))
    return pytester


def test_in_continuous_integration_a_missing_tool_fails_and_missing_data_does_not(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    project.makepyfile(SKIPS)
    outcome = project.runpytest_subprocess()
    outcome.assert_outcomes(
        failed=1, errors=1, skipped=1
    )  # a mark skips while the test is set up, which makes an error


def test_in_continuous_integration_a_whole_module_that_misses_a_tool_fails(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    project.makepyfile("import pytest\npytest.skip('missing tool: chromium', allow_module_level=True)")
    project.runpytest_inprocess().assert_outcomes(errors=1)


def test_elsewhere_a_missing_tool_only_skips(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    project.makepyfile(SKIPS)
    project.runpytest_inprocess().assert_outcomes(skipped=3)
