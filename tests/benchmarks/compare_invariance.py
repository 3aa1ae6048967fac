"""The variance that two circular CVs explain after all rounds, by augmentation and by alignment.

Run ``PYTHONPATH=workflow/scripts python tests/benchmarks/compare_invariance.py results/*/production/training_set.npz`` on
finished runs of alanine dipeptide: a 21-40-2-40-21 network is trained on each run's frames in both ways, with the
settings of the default configuration otherwise.
"""

import sys
from pathlib import Path

import pandas as pd
import torch
import yaml

from mesaflow.dataset import TrainingSet
from mesaflow.features import Features
from mesaflow.settings import load_schema, resolve_config
from mesaflow.training import TrainingSettings, train

REPOSITORY = Path(__file__).parents[2]
N_CVS, RANDOM_SEED = 2, 1


def default_training() -> dict:
    config = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    return resolve_config(config, load_schema(REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"))["training"]


def main() -> None:
    torch.set_num_threads(1)
    defaults, rows = default_training(), []
    for path in map(Path, sys.argv[1:]):
        training_set = TrainingSet.load(path)
        selected = training_set.selected
        for invariance in ("augmentation", "alignment"):
            section = defaults | {"invariance": invariance, "cv_layer": "circular"}
            settings = TrainingSettings.from_config(section, Features(), (), N_CVS)
            frames, validates = training_set.frames[selected], training_set.is_validation[selected]
            result = train(frames, validates, training_set.reference, training_set.atoms, settings, RANDOM_SEED)
            pose = max(result.pose_variance_fraction)
            rows.append((path.parts[-3], invariance, result.fve_training, result.fve_validation, pose))
            print(*rows[-1], flush=True)
    columns = ["run", "invariance", "fve_training", "fve_validation", "largest_pose_variance_fraction"]
    print(pd.DataFrame(rows, columns=columns).to_string(index=False, float_format="%.4f"))


if __name__ == "__main__":
    main()
