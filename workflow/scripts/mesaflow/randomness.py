"""Every random number of a run comes from its ``random_seed`` through one function."""

import hashlib

_LARGEST_SEED = 2**31 - 1  # OpenMM takes a signed 32-bit seed


def derive_seed(random_seed: int, *labels: str | int) -> int:
    """Derive an independent random seed for one use of random numbers.

    The name of a run is deliberately no label: the same configuration gives the same numbers under any name.

    Args:
        random_seed: The run's random seed.
        labels: What the numbers are for, for example ``("round-3", "window", 7)``.

    Returns:
        A seed from 1 to 2³¹ − 1 (OpenMM reads 0 as "choose at random").
    """
    text = "/".join(str(label) for label in (random_seed, *labels))
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") % _LARGEST_SEED + 1
