"""The pictures of the idea, from a finished run."""

import matplotlib.image
import pandas as pd


def test_illustrate_draws_fish_and_poses(copy_of_finished):
    project = copy_of_finished("illustrated")
    project.snakemake("illustrate")
    figures = project.results / "figures"
    for name in ("outline", "poses"):
        assert matplotlib.image.imread(figures / f"{name}.png").std() > 0.01, f"{name}.png is blank"

    scores = pd.read_csv(figures / "outline_scores.csv").set_index("network")
    assert scores.loc["augmented", "fve_shape"] > scores.loc["plain", "fve_shape"] + 0.3
    assert scores.loc["augmented", "pose_variance_fraction_1"] < 0.01 < scores.loc["plain", "pose_variance_fraction_1"]

    of_pose = pd.read_csv(figures / "poses_fractions.csv").groupby("invariance")["pose_variance_fraction"].mean()
    assert of_pose["alignment"] < 1e-12
    assert min(of_pose["augmentation"], of_pose["none"]) > 0.001  # five epochs tell these two apart no better
    latents = pd.read_csv(figures / "poses_latents.csv")
    poses = latents[(latents["kind"] == "pose") & (latents["invariance"] == "alignment")]
    assert len(poses) == 500
    assert poses[["cv_1", "cv_2"]].std().max() < 1e-4  # the table has five digits
    assert "Nothing to be done" in project.snakemake("illustrate")
