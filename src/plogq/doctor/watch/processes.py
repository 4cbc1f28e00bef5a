"""The other processes of a run: those it spawns or forks, and the ranks under torchrun."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .forks import Forks
from .report import Seen, seen_by, written
from .session import Session

FOLDER = "PLOGQ_DOCTOR_FOLDER"
_WAIT = 10.0  # seconds for the other ranks' words


def rank() -> int | None:
    """This process' rank under torchrun, or None."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    try:
        return int(os.environ.get("RANK", "0"))
    except ValueError:
        return None


class Family:
    """Where the processes of one run leave what they saw."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.rank = rank()
        self.folder: Path | None = None
        self.forks = Forks(session, self.made)

    def made(self) -> Path:
        """The folder, made where there is none yet."""
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="plogq-doctor-"))
        return self.folder

    def start(self) -> None:
        """Have spawned and forked processes begin a watch of their own."""
        if self.rank is not None:
            parts = ("TORCHELASTIC_RUN_ID", "MASTER_PORT", "TORCHELASTIC_RESTART_COUNT")
            name = "-".join(["plogq-doctor", *(os.environ.get(part, "0") for part in parts)])
            self.folder = Path(tempfile.gettempdir()) / name
            self.folder.mkdir(exist_ok=True)
        self.forks.start()
        try:
            from multiprocessing import spawn
        except ImportError:
            return
        before = spawn.get_preparation_data

        def get_preparation_data(name: str) -> dict[str, Any]:
            data = before(name)
            if self.session.watch.active:
                data["plogq_doctor"] = Begin(str(self.made()))
            return data

        self.session.watch.replace(spawn, "get_preparation_data", get_preparation_data)
        for name in ("popen_spawn_posix", "popen_spawn_win32", "popen_forkserver"):
            module = sys.modules.get(f"multiprocessing.{name}")
            if module is not None:
                module.spawn.get_preparation_data = get_preparation_data

    def merged(self, seen: Seen) -> Seen:
        """What all processes saw: on rank 0, and where there are no ranks."""
        if self.folder is None:
            return seen
        self.forks.told(seen)
        if self.rank:
            written(seen, self.folder / f"rank-{self.rank}.json")
            return seen
        ranks = int(os.environ.get("WORLD_SIZE", "1")) if self.rank == 0 else 1
        until = time.monotonic() + _WAIT
        while len(list(self.folder.glob("rank-*.json"))) < ranks - 1 and time.monotonic() < until:
            time.sleep(0.05)
        for file in sorted(self.folder.glob("*.json")):
            seen.add(json.loads(file.read_text(encoding="utf-8")))
        missing = ranks - 1 - len(list(self.folder.glob("rank-*.json")))
        if missing > 0:
            seen.unseen.append(f"{missing} of {ranks} ranks")
        shutil.rmtree(self.folder, ignore_errors=True)
        return seen


class Begin:
    """Starts a watch where it is unpickled: in a spawned process, before anything of the run."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        from multiprocessing import util

        session = Session().start()

        def end() -> None:
            watch = session.stop()
            if not watch.forked and Path(self.folder).is_dir():
                written(seen_by(watch), Path(self.folder) / f"process-{os.getpid()}.json")

        util.Finalize(None, end, exitpriority=1)
