"""The claim of the least squares GAN trains its own models."""

import runpy

import numpy as np

from tests.integration.test_recipes import CLAIMS, run_script


def test_a_claim_of_points_trains_by_itself(capsys):
    run_script(CLAIMS / "lsgan.py", "--steps=4", "--epoch=4")
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split(", ") for line in lines if ", " in line][1:]
    assert [row[:2] for row in rows] == [["LSGAN", "4"], ["cross-entropy", "4"]]
    for _, _, modes, near in rows:
        assert 0 <= int(modes) <= 8 and 0.0 <= float(near) <= 1.0


def test_modes_are_counted_and_samples_near_them():
    """Four of the eight means, and as many points in the middle."""
    claim = runpy.run_path(str(CLAIMS / "lsgan.py"), run_name="claim")
    coverage, std = claim["coverage"], claim["STD"]
    angles = np.pi / 4 * np.arange(4)
    means = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    samples = np.concatenate([np.repeat(means, 50, 0), np.zeros((200, 2))])
    assert coverage(samples) == (4, 0.5)
    assert coverage(samples + 2.9 * std / 2**0.5) == (4, 0.5)
    assert coverage(samples + 3.1 * std / 2**0.5) == (0, 0.0)
