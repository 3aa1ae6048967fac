"""The workflow as a module of another one, with names and results of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

SNAKEFILE = """
configfile: "settings/all.yaml"

module mesaflow:
    snakefile: "{repository}/Snakefile"
    config: config["sampling"]
    prefix: "sampled"

use rule * from mesaflow as mesaflow_*

rule count_atoms:
    default_target: True
    input: "sampled/results/mine/system/topology.pdb"
    output: "n_atoms.txt"
    shell: "grep -c -e ^ATOM -e ^HETATM {{input}} > {{output}}"

onstart:
    mesaflow.record_configs()
"""
CONFIG = {
    "run": "mine",
    "random_seed": 3,
    "system": {"structure": "adp.pdb", "force_field": ["amber99sb.xml"]},
    "dynamics": {"platform": "Reference"},
    "training": {"atoms": "name CH3 C N CA", "n_restarts": 1},
    "exploration": {"n_rounds": 2},
}


@pytest.fixture(scope="module")
def workflow(repository, tmp_path_factory, alanine_pdb) -> Path:
    """The folder of a workflow that takes all rules of mesaflow, with their configuration in a section of its own."""
    folder = tmp_path_factory.mktemp("workflow")
    (folder / "settings").mkdir()
    (folder / "Snakefile").write_text(SNAKEFILE.format(repository=repository))
    shutil.copy(alanine_pdb, folder / "settings" / "adp.pdb")
    (folder / "settings" / "all.yaml").write_text(yaml.safe_dump({"sampling": CONFIG, "other": {"x": 1}}))
    return folder


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


def test_a_module_plans_the_whole_workflow_under_its_names(workflow, job_stats):
    jobs = job_stats(snakemake(workflow, "mesaflow_all", "--dry-run"))
    assert all(rule.startswith("mesaflow_") for rule in jobs)
    stages = {"mesaflow_prepare_system": 1, "mesaflow_seed_unbiased": 2, "mesaflow_select_encoder": 3}
    assert stages.items() <= jobs.items()


def test_rules_of_a_module_run_and_their_results_go_on(workflow):
    result = snakemake(workflow)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (workflow / "n_atoms.txt").read_text() == "22\n"
    results = workflow / "sampled" / "results" / "mine"
    assert yaml.safe_load((results / "config.yaml").read_text())["system"]["structure"] == "settings/adp.pdb"
    assert not (workflow / "results").exists()
    assert "Nothing to be done" in snakemake(workflow, "--dry-run").stdout


def test_a_fault_in_the_configuration_of_a_module_is_refused_in_one_line(workflow):
    result = snakemake(workflow, "--dry-run", "--config", "sampling={random_seed: none}")
    (line,) = [line for line in (result.stdout + result.stderr).splitlines() if line.startswith("config error:")]
    assert result.returncode != 0
    assert "random_seed is 'none'" in line
