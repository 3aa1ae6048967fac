import hashlib

import pytest

from mesaflow.randomness import derive_seed

LARGEST = 2**31 - 1


def test_seed_is_what_was_derived_before():
    digest = hashlib.sha256(b"1/round-3/window/7").digest()
    assert derive_seed(1, "round-3", "window", 7) == int.from_bytes(digest[:8], "big") % LARGEST + 1 == 932359516


def test_every_use_gets_its_own_seed():
    seeds = {
        derive_seed(random_seed, f"round-{round_}", use, number)
        for random_seed in range(5)
        for round_ in range(10)
        for use in ("window", "training")
        for number in range(20)
    }
    assert len(seeds) == 5 * 10 * 2 * 20


@pytest.mark.parametrize("random_seed", [0, 1, LARGEST])
def test_seeds_are_such_as_openmm_takes(random_seed):
    seeds = [derive_seed(random_seed, number) for number in range(2000)]
    assert all(1 <= seed <= LARGEST for seed in seeds)
    mean = sum(seeds) / len(seeds) / LARGEST
    assert abs(mean - 0.5) < 4 * 12**-0.5 / 2000**0.5


def test_without_labels_the_seed_still_changes():
    assert derive_seed(1) != derive_seed(2)
