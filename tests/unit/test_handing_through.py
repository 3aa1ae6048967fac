"""After convergence a network is handed through, and nothing is trained."""

import json
import sys
from types import SimpleNamespace

import train_autoencoder


class Names(dict):
    """Names as Snakemake gives them: by attribute, by key, and with get."""

    __getattr__ = dict.__getitem__


def test_a_round_after_convergence_copies_the_last_network_without_torch(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it would fail
    (tmp_path / "assessment.json").write_text(json.dumps({"converged": True}))
    (tmp_path / "training.json").write_text(json.dumps({"n_cvs": 2, "fve_validation": 0.9}))
    for name in ("encoder", "decoder"):
        (tmp_path / f"{name}.npz").write_bytes(f"the {name} before".encode())
    inputs = {f"previous_{name}": tmp_path / f"{name}.npz" for name in ("encoder", "decoder")}
    inputs |= {"previous_training": tmp_path / "training.json", "assessment": tmp_path / "assessment.json"}
    outputs = {name: tmp_path / "new" / f"{name}.npz" for name in ("encoder", "decoder")}
    outputs["training"] = tmp_path / "new" / "training.json"
    train_autoencoder.main(
        SimpleNamespace(
            params=SimpleNamespace(training={}),
            wildcards=Names(stage="round-3", n_cvs="2", restart="1"),
            input=Names(inputs),
            output=Names(outputs),
            log=[tmp_path / "log.txt"],
        )
    )
    assert outputs["encoder"].read_bytes() == b"the encoder before"
    assert outputs["decoder"].read_bytes() == b"the decoder before"
    assert json.loads(outputs["training"].read_text()) == {"n_cvs": 2, "fve_validation": 0.9, "handed_through": True}
