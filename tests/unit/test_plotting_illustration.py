"""The pictures show every example and network, and the numbers of their tables."""

import numpy as np
import pandas as pd
import pytest

from mesaflow.plotting_illustration import draw_outline, draw_poses

SQUARE = pd.DataFrame({"point": range(5), "x": [0.3, -0.3, -0.3, 0.3, 0.1], "y": [0.2, 0.2, -0.2, -0.2, 0.1]})


@pytest.fixture
def outlines():
    curves = ("input", "plain_target", "plain_output", "augmented_target", "augmented_output")
    return pd.concat([SQUARE.assign(curve=curve, example=example) for curve in curves for example in range(3)])


@pytest.fixture
def latents():
    rng = np.random.default_rng(0)
    tables = []
    for network in ("plain", "augmented"):
        columns = {"bend_deg": [-50, -50, 40], "girth": [0.6, 0.6, 1.4], "pose_deg": [0, 90, 0]}
        places = {"cv_1": [0.1, 0.2, 0.3], "cv_2": [1.1, 1.2, 1.3]}
        tables.append(pd.DataFrame(columns | places).assign(network=network, kind="example"))
        cloud = pd.DataFrame(rng.normal(size=(20, 2)), columns=["cv_1", "cv_2"])
        tables.append(cloud.assign(bend_deg=0, girth=1, pose_deg=0, network=network, kind="fish"))
    return pd.concat(tables)


@pytest.fixture
def scores():
    return pd.DataFrame(
        {
            "network": ["plain", "augmented"],
            "fve": [0.98, 0.99],
            "fve_shape": [0.123, 0.9],
            "pose_variance_fraction_1": [0.96, 0.0004],
            "pose_variance_fraction_2": [0.98, 0.0006],
        }
    )


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")) if text.get_text()]


def test_outlines_show_every_example_and_the_scores(outlines, latents, scores):
    figure = draw_outline(outlines, latents, scores)
    rows = [axis for axis in figure.axes if len(axis.patches) == 3]
    assert len(rows) == 3  # input and two networks
    shown = "\n".join(texts(figure))
    for number in ("12.3 % of the variance of the shape", "90.0 % of", "97.0 % of its variance", "< 0.1 % of its"):
        assert number in shown


def test_examples_have_the_marker_of_their_conformation_in_each_latent(outlines, latents, scores):
    panels = [axis for axis in draw_outline(outlines, latents, scores).axes if len(axis.collections) == 3]
    assert len(panels) == 4
    for panel in panels:
        _, first, second = panel.collections
        np.testing.assert_allclose(first.get_offsets(), [[0.1, 1.1], [0.2, 1.2]])
        np.testing.assert_allclose(second.get_offsets(), [[0.3, 1.3]])


def test_poses_show_each_invariance_with_its_fractions():
    fractions = {"none": [0.98, 0.97], "augmentation": [0.5, 0.0002], "alignment": [1e-30, 0.0]}
    latents, bars = [], []
    for i, (invariance, values) in enumerate(fractions.items()):
        for kind, n in (("frame", 4), ("pose", 2)):
            latents.append(pd.DataFrame({"cv_1": [i] * n, "cv_2": 0.0}).assign(invariance=invariance, kind=kind))
        table = pd.DataFrame({"cv": ["cv_1", "cv_2"], "pose_variance_fraction": values})
        bars.append(table.assign(invariance=invariance))
    figure = draw_poses(pd.concat(latents), pd.concat(bars))
    for i, panel in enumerate(figure.axes[:3]):
        frames, poses = panel.collections
        assert (len(frames.get_offsets()), len(poses.get_offsets())) == (4, 2)
        assert set(poses.get_offsets()[:, 0]) == {i}
    labels = [[text.get_text() for text in panel.texts] for panel in figure.axes[3:]]
    assert labels == [["98.0 %", "97.0 %"], ["50.0 %", "< 0.1 %"], ["0 %", "0 %"]]
