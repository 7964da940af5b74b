"""The script for SLURM in the docs, run with an sbatch that starts jobs at once, on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sparsescope as ss
from sparsescope import io

pytest.importorskip("dask_jobqueue")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cluster.md"

SBATCH = """#!/bin/sh
cp "$1" "{folder}/job.sh"
setsid sh "{folder}/job.sh" > /dev/null 2>&1 &
echo "Submitted batch job $!"
"""

SCANCEL = """#!/bin/sh
echo "$1" >> "{folder}/cancelled"
kill -TERM -- "-$1"
"""

FLAGS = ["--fidelity", "100", "--sparsity", "2", "--continuity", "0", "--background", "flat", "--resolution-um", "0.3",
         "--sparse-iterations", "5", "--deconvolution-iterations", "2", "--evidence", "none",
         "--no-report"]  # fmt: skip


def test_the_script_of_the_page_runs_jobs_and_gives_them_back(tmp_path: Path) -> None:
    script = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert script is not None
    text = script[1]
    assert "jobs=40" in text
    (tmp_path / "slurm.py").write_text(text.replace("jobs=40", "jobs=1"), "utf-8")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, content in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tools / name).write_text(content.format(folder=tmp_path), "utf-8")
        (tools / name).chmod(0o755)
    counts = np.random.default_rng(2).poisson(50, (6, 40, 44)).astype(np.uint16)
    ss.write(tmp_path / "movie.ome.zarr", ss.as_image(counts, "TYX", pixel_size_um=0.1), dtype="uint16")
    given = [sys.executable, "-W", "ignore", "slurm.py", "movie.ome.zarr", *FLAGS]
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        given, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"cluster: 1 worker, 1 thread, 4[.\d]* GB each", done.stderr)
    assert io.read(tmp_path / "movie_sparse.ome.zarr").shape == (6, 40, 44)
    job = (tmp_path / "job.sh").read_text("utf-8")
    for line in ("-p cpu", "-A lab", "--cpus-per-task=1", "--mem=4G", "-t 08:00:00"):
        assert f"#SBATCH {line}\n" in job
    assert (tmp_path / "cancelled").exists()
