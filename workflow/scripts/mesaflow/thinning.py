"""Thinning of frames to a smaller number that represents them."""

import numpy as np

METHODS = ("even", "k_means")
"""``even`` keeps every so manieth frame; ``k_means`` the frame nearest to the centre of each of as many clusters."""

_BATCH_FRAMES = 4096  # from which the centres move on at a time
_PASSES = 5  # over the frames, after which centres hardly move


def thin(frames: np.ndarray, n_frames: int, method: str, random_seed: int) -> np.ndarray:
    """Choose representative frames.

    Time and memory grow linearly with the frames: centres start at random frames and move by mini-batches of frames
    (D. Sculley, Web-scale k-means clustering, Proc. 19th WWW, 1177 (2010), doi:10.1145/1772690.1772862).

    Args:
        frames: Superposed frames with ``shape=(n_all, n_atoms, 3)``.
        n_frames: How many to choose; all if there are no more.
        method: One of ``METHODS``.
        random_seed: Seeds the clustering.

    Returns:
        The indices of the chosen frames, in ascending order; fewer where clusters are left empty.
    """
    if len(frames) <= n_frames:
        return np.arange(len(frames))
    if method == "even":
        return np.linspace(0, len(frames) - 1, n_frames).round().astype(int)
    from sklearn.cluster import MiniBatchKMeans  # takes a second to import, for a method that few choose

    rows = np.ascontiguousarray(frames.reshape(len(frames), -1), dtype=np.float32)
    clustering = MiniBatchKMeans(
        n_frames,
        init="random",
        n_init=1,
        batch_size=_BATCH_FRAMES,
        max_iter=_PASSES,
        max_no_improvement=None,
        random_state=random_seed,
    ).fit(rows)
    labels = clustering.labels_
    squared = ((rows - clustering.cluster_centers_[labels]) ** 2).sum(axis=1)
    order = np.lexsort((squared, labels))
    _, first = np.unique(labels[order], return_index=True)
    return np.sort(order[first])
