"""A real Slurm of one node on this machine: its daemons run from a folder of their own, on loopback, without systemd."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo", "sacct", "sacctmgr", "sshare")
SECONDS_TO_START, SECONDS_TO_STOP = 30, 15
N_CPUS, MEMORY_MB = 4, 64000  # what the node claims to have, more than the machine may

CONFIGURATION = """\
ClusterName=mesaflow
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
{bind}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
PlugStackConfig={folder}/plugstack.conf
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
PropagateResourceLimits=NONE
MinJobAge=3600
ReturnToService=2
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={node_port} CPUs={n_cpus} RealMemory={memory}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE
"""
# MinJobAge keeps ended jobs in sight of squeue, which tells Snakemake how they ended where nothing keeps accounts.


def search_path() -> str:
    return os.environ["PATH"] + ":/usr/sbin:/sbin"


def missing_programs() -> list[str]:
    """Name what has to be installed; on Debian it is in slurmctld, slurmd, slurm-client and munge."""
    return [name for name in (*DAEMONS, *CLIENTS) if shutil.which(name, path=search_path()) is None]


class OneNodeSlurm:
    """A running Slurm, as a context manager; leaving it cancels its jobs and ends its daemons, and nothing else."""

    def __init__(self, folder: Path):
        """``folder`` must have a short name: the path of a socket has at most 107 characters."""
        self.folder = folder
        self._processes: list[tuple[str, subprocess.Popen]] = []

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which Slurm's commands speak to this Slurm."""
        outer = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
        path = f"{self.folder}/bin:{Path(sys.executable).parent}:{search_path()}"
        return outer | {"PATH": path, "SLURM_CONF": f"{self.folder}/slurm.conf", "OMP_NUM_THREADS": "1"}

    def ask(self, *command: str) -> str:
        """Run one of Slurm's commands and return what it prints."""
        ran = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, f"{command}: {ran.stderr}"
        return ran.stdout

    def __enter__(self) -> "OneNodeSlurm":
        self._write_files()
        try:
            self._start_daemons()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *reason: object) -> None:
        names = [name for name, process in self._processes if process.poll() is None]
        if "slurmctld" in names:
            self._cancel_jobs()
        for _, process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _cancel_jobs(self) -> None:
        for job in self.ask("squeue", "--noheader", "--format=%i").split():
            subprocess.run(["scancel", "--signal=KILL", "--full", job], env=self.environment, capture_output=True)
        end = time.monotonic() + SECONDS_TO_STOP
        while self.ask("squeue", "--noheader", "--format=%i").strip() and time.monotonic() < end:
            time.sleep(0.2)

    def _write_files(self) -> None:
        for name in ("bin", "state", "spool"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        host = socket.gethostname().split(".")[0]
        controller_port, node_port = free_ports(2)
        on_loopback = socket.gethostbyname(host) == "127.0.0.1"  # what NoInAddrAny makes Slurm listen at
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                folder=self.folder,
                host=host,
                controller_port=controller_port,
                node_port=node_port,
                bind="CommunicationParameters=NoInAddrAny,NoCtldInAddrAny" if on_loopback else "",
                user=subprocess.check_output(["id", "-un"], text=True).strip(),
                n_cpus=N_CPUS,
                memory=MEMORY_MB,
            )
        )
        (self.folder / "plugstack.conf").write_text("")
        for name in CLIENTS:  # the executor plugin hides SLURM_CONF from the srun in each job
            client = self.folder / "bin" / name
            program = shutil.which(name, path=search_path())
            client.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {program} "$@"\n')
            client.chmod(0o755)

    def _start_daemons(self) -> None:
        folder = self.folder
        files = {"socket": "munge.socket", "key-file": "munge.key", "log-file": "munged.log"}
        files |= {"pid-file": "munged.pid", "seed-file": "munged.seed"}
        self._start("munged", "--foreground", "--force", *(f"--{k}={folder / v}" for k, v in files.items()))
        self._wait(lambda: (folder / "munge.socket").exists())
        self._start("slurmctld", "-D")
        self._start("slurmd", "-D", "-N", "n1")
        self._wait(lambda: "idle" in self.ask("sinfo", "--noheader", "--format=%t"))

    def _start(self, name: str, *arguments: str) -> None:
        """Start a daemon in the foreground; Slurm looks at its own name, so that it is not started by another."""
        program = shutil.which(name, path=search_path())
        with open(self.folder / f"{name}.out", "wb") as output:
            process = subprocess.Popen(
                [program, *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._processes.append((name, process))

    def _wait(self, condition) -> None:
        end = time.monotonic() + SECONDS_TO_START
        while True:
            for name, process in self._processes:
                output = (self.folder / f"{name}.out").read_text()
                assert process.poll() is None, f"{name} has ended: {output}"
                assert time.monotonic() < end, f"Slurm does not start: {output}"
            try:
                if condition():
                    return
            except AssertionError:  # it does not answer yet
                pass
            time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody listens at."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
