"""A mirror of real processes on which the steps are played."""

import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tests.chaos import promises, upheaval
from tests.chaos.clock import Clock, leap
from tests.chaos.configurations import CALM, CHOICES, HURRIED, LIMITS, blocked
from tests.chaos.disk import Disk
from tests.chaos.family import below, streams, workers
from tests.chaos.inner import Inner
from tests.chaos.promises import BrokenError
from tests.chaos.reader import Reader
from tests.chaos.settling import difference, free_port, let_a_day_pass, synced
from tests.chaos.steps import Step
from tests.cli.running import ROOT, Done, command, configure, environ
from tests.daemon.process import Running
from tests.sim.server import Server
from tests.sim.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 300.0  # seconds that anything may take
_EXPECTED = {0, 1, 2, 3, 4}  # exit codes that say something sensible
_ROUND = 7_200  # seconds of the clock in which a scheduled cycle comes, whatever its jitter
_SLICE = 4_000  # seconds of the clock in which a slice of the sweep comes
_TICKS = 1.5  # seconds in which the daemon has seen how late it is


class Stage:
    """A context manager; ``play`` does one step and checks the promises."""

    def __init__(self, folder: Path, seed: int, database: str | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.played = 0
        self._folder = folder
        self._seed = seed
        self._world = World()
        self._disk = Disk(folder / "disk")
        self._time = Clock(folder)
        self._data = folder / "disk" / "data"
        self._given = database
        self._url = database or f"sqlite:///{self._data.with_suffix('.sqlite')}"
        self._closed = promises.Closed(self._world)
        self._daemon: Running | None = None
        self._choice = 0
        self._settled = 0
        self._inner: Inner | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        self._time.set(0)
        self._inside = dict(self._time.environ)
        if random.Random(self._seed).random() < 0.7:
            self._inside |= {"STREAM_FROM": "1", "STREAM_SILENT": "3"}
        self._inside["PYTHONPATH"] = f"{Path(__file__).parent / 'inside'}:{ROOT}"
        with ExitStack() as stack:
            stack.enter_context(self._disk)
            upheaval.begin(self._world, self._seed)
            self._server = stack.enter_context(Server(self._world))
            self._listen = f"127.0.0.1:{free_port()}"
            self._configure(0)
            self._reader = Reader(self._listen, self._seed)
            stack.callback(self._reader.close)
            stack.callback(self._down)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        self.counts["links read over HTTP"] = self._reader.links

    def play(self, step: Step) -> None:
        """Do it, then check. Raises BrokenError."""
        self.counts[step.kind] += 1
        self.played += 1
        getattr(self, f"_{step.kind}")(step)
        promises.links(self._data)
        self._closed.check(self._data, self._url, running=self._daemon is not None)
        if self._reader.faults:
            raise BrokenError("served", self._reader.faults[0])
        log = self._folder / "daemon.log"
        if log.exists():
            promises.quiet(log.read_text(encoding="utf-8", errors="replace"))

    # --- upstream, the disk, the configuration ------------------------------------------------

    def _change(self, step: Step) -> None:
        with self._world.lock:
            upheaval.change(self._world, step.number)

    def _fault(self, step: Step) -> None:
        upheaval.fault(self._world, step.number)

    def _heal(self, _: Step) -> None:
        self._world.heal()

    def _fill(self, step: Step) -> None:
        self._disk.fill(step.number % 600_000)

    def _free(self, _: Step) -> None:
        self._disk.free()

    def _configure(self, choice: Step | int) -> None:
        number = choice if isinstance(choice, int) else choice.number
        self._choice = number % len(CHOICES)
        self._write(CHOICES[self._choice])
        if self._daemon:
            before = self._said("reloaded", "refused")
            self._daemon.send(signal.SIGHUP)
            self._wait(lambda: self._said("reloaded", "refused") > before, "the configuration")

    def _write(self, keys: Any, **more: Any) -> None:
        config = (
            {"destination_folder": "disk/data", "listen": self._listen, "processes": 2}
            | dict(keys)
            | more
        )
        if self._given:
            config["database"] = self._given
        self._config = configure(
            self._folder,
            self._server.url,
            **{"upstream": HURRIED, "limits": LIMITS} | config,
        )

    def _clock(self, step: Step) -> None:
        """Set the clock, also in the middle of a cycle; one that is due by it then comes."""
        before, ahead = self._time.ahead, leap(step.number)
        if step.number % 3 == 0:
            self._amid(step.number % 400, lambda _: self._time.set(ahead))
        else:
            self._time.set(ahead)
        if self._leads():
            cycles = self._cycles()
            time.sleep(_TICKS)
            if self._time.ahead - before >= _ROUND:
                self._wait(lambda: self._cycles() > cycles, "a cycle that is due")

    # --- processes ----------------------------------------------------------------------------

    def _start(self, _: Step) -> None:
        if self._daemon is None:
            self._daemon = Running(self._config, **self._inside).__enter__()
            self._wait(lambda: self._said("leading", "standing_by"), "the daemon to begin")

    def _terminate(self, _: Step) -> None:
        if self._daemon:
            self._daemon.send(signal.SIGTERM)
            process = self._daemon.process
            promises.eventually(lambda: process.poll() is not None, "the daemon's end", PATIENCE)
            self._ended()
        else:
            self._cut(signal.SIGTERM, 0)

    def _kill(self, step: Step) -> None:
        self._cut(signal.SIGKILL, step.number, everyone="all" in step.words)

    def _cut(self, number: signal.Signals, milliseconds: int, *, everyone: bool = False) -> None:
        """Begin a cycle, and end its process that long after its first request."""
        process = self._begun(milliseconds)
        family = below(process.pid)
        with suppress(ProcessLookupError):
            process.send_signal(number)
        for one in family if everyone else ():
            one.send(number)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise BrokenError("hangs", f"no end after {number.name}") from error
        self._ended()
        promises.eventually(lambda: not any(one.runs() for one in family), "all ends", PATIENCE)

    def _strike(self, step: Step) -> None:
        """Kill or stop a process that a cycle has started, that long after it is there."""
        found, number = (
            (streams, signal.SIGSTOP) if "stop" in step.words else (workers, signal.SIGKILL)
        )

        before = self._cycles()

        def strike(process: "subprocess.Popen[bytes]") -> None:
            def reached() -> object:
                ended = process.poll() is not None or self._cycles() > before
                return ended or found(process.pid)

            promises.eventually(reached, "a process that works, or the end of all", PATIENCE)
            time.sleep(step.number / 1_000)
            for one in found(process.pid)[:1]:
                one.send(number)
                self.counts[f"children {number.name}"] += 1

        self._amid(0, strike)

    def _amid(self, milliseconds: int, act: "Callable[[subprocess.Popen[bytes]], object]") -> None:
        """Begin a cycle, do something that long after its first request, and wait for its end."""
        before = self._cycles()
        process = self._begun(milliseconds)
        act(process)
        if self._daemon is None:
            self._outcome(process, ("sync",))
        else:
            self._wait(lambda: self._cycles() > before or self._said("standing_by"), "a cycle")

    def _begun(self, milliseconds: int) -> "subprocess.Popen[bytes]":
        before = self._server.requests()
        if self._daemon:
            process = self._daemon.process
            self._daemon.send(signal.SIGUSR1)
        else:
            process = self._spawn("sync")
        end = time.monotonic() + 30
        while process.poll() is None and self._server.requests() == before:
            if time.monotonic() > end:
                break
            time.sleep(0.001)
        time.sleep(milliseconds / 1_000)
        return process

    def _ended(self) -> None:
        if self._daemon:
            code = self._daemon.process.returncode
            self._daemon.__exit__(None, None, None)
            self._daemon = None
            if code not in {*_EXPECTED, -signal.SIGKILL}:
                raise BrokenError("exit code", f"the daemon ended with {code}")

    def _cycle(self, _: Step) -> None:
        """A whole cycle, by the daemon if it runs."""
        if self._daemon is None:
            if self._run("sync").code in {0, 1}:
                promises.nothing_else(self._data, self._url, blocked(self._choice))
            return
        before = len(self._daemon.events("run"))
        self._daemon.send(signal.SIGUSR1)
        self._wait(lambda: self._cycles() > before or self._said("standing_by"), "a cycle")

    def _leads(self) -> bool:
        return self._daemon is not None and not self._said("standing_by")

    def _cycles(self) -> int:
        return len(self._daemon.events("run")) if self._daemon else 0

    def _carry(self, step: Step) -> None:
        """Bring an inner mirror what is new, with a kill on each side of the link."""
        if self._inner is None:
            self._inner = Inner(self._folder, self._repeated)
        still = self._daemon is None and self._run("sync").code in {0, 1}
        code = self._inner.carry(self._config, divmod(step.number, 1_000))
        if still and code == 0:
            self._inner.same(self._data)
        # The disk may be full, and nothing may have been published yet.
        elif still and code != 4 and promises.rows(self._url, "SELECT 1 FROM v_generations"):
            raise BrokenError("export", f"it ends with {code} after a cycle")

    def _repeated(self, config: Path, *words: str, cut: int = 0) -> Done:
        if cut:
            process = self._spawn(*words, config=config)
            time.sleep(cut / 1_000)
            process.kill()
            process.wait()
            self.counts["kill"] += 1
        return self._outcome(self._spawn(*words, config=config), words)

    def _command(self, step: Step) -> None:
        self._run(*step.words)

    def _run(self, *words: str) -> Done:
        return self._outcome(self._spawn(*words), words)

    def _outcome(self, process: "subprocess.Popen[bytes]", words: tuple[str, ...]) -> Done:
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise BrokenError("hangs", " ".join(words)) from error
        text = (self._folder / "command.log").read_text(encoding="utf-8", errors="replace")
        promises.quiet(text)
        # A generation that is being written cannot be exported.
        if process.returncode not in (_EXPECTED | {5} if words[0] == "export" else _EXPECTED):
            raise BrokenError("exit code", f"{words}: {process.returncode}\n{text[-2_000:]}")
        return Done(process.returncode, text, text)

    def _spawn(self, *words: str, config: Path | None = None) -> "subprocess.Popen[bytes]":
        with (self._folder / "command.log").open("wb") as log:
            return subprocess.Popen(
                command(config or self._config, *words),
                cwd=self._folder,
                env={**environ(), **self._inside},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _said(self, *events: str) -> int:
        assert self._daemon is not None
        return sum(len(self._daemon.events(event)) for event in events)

    def _wait(self, found: Any, what: str) -> None:
        """Wait for the daemon, which may end by itself (its disk is full, say)."""
        assert self._daemon is not None
        process = self._daemon.process
        promises.eventually(lambda: process.poll() is not None or found(), what, PATIENCE)
        if process.poll() is not None:
            self._ended()

    def _down(self) -> None:
        if self._daemon:
            self._daemon.__exit__(None, None, None)
            self._daemon = None

    # --- the end ------------------------------------------------------------------------------

    def _settle(self, step: Step) -> None:
        """Heal everything, some quiet cycles: the same as a mirror that starts now."""
        if self._daemon:
            self._terminate(Step("terminate"))
        self._disk.free()
        self._time.set(0)
        if self._inner:
            self._inner.end(self._data)
            self._inner = None
        with self._world.lock:
            self._world.heal()
        self._write(CHOICES[self._choice], retention="0", grace="0", upstream=CALM)
        if self.counts["command"]:
            for words in (("rollback", "--release"), ("tag", "--delete", "good")):
                self._run(*words)
        if step.number % 2 and self._time.there:
            self._follow()
        else:
            self._ask()
        self._compare()
        self._write(CHOICES[self._choice])

    def _ask(self) -> None:
        """Cycles that an operator wants, after news of each project."""
        with self._world.lock:
            upheaval.tell(self._world)
        # A journal that was away is tried again after an hour, a list of projects after a day.
        let_a_day_pass(self._url)
        # What is denied without a journal's word is confirmed when it has been denied.
        for _ in range(2):
            self._run("sync", "--accept-removals")

    def _follow(self) -> None:
        """Cycles as the daemon plans them: whatever it put off, weeks later it has been done."""
        self._start(Step("start"))
        for day in (30, 60, 61):
            cycles = self._cycles()
            self._time.set(day * 86_400)
            self._wait(lambda cycles=cycles: self._cycles() > cycles, "a cycle that is due")
            if day == 60:
                self._run("sync", "--accept-removals")
                self._let_the_sweep_go_round()
        self._terminate(Step("terminate"))
        self.counts["daemon followed"] += 1

    def _let_the_sweep_go_round(self) -> None:
        """Let hours pass, in each of which the daemon sweeps one of so few projects.

        Nothing else tells it that upstream calls a project deprecated: that has no serial.
        """
        [(pages,)] = promises.rows(self._url, "SELECT count(*) FROM pages WHERE last IS NULL")
        assert isinstance(pages, int)
        for _ in range(pages):
            before = self._said("sweep")
            self._time.set(self._time.ahead + _SLICE)
            self._wait(lambda before=before: self._said("sweep") > before, "a slice of the sweep")

    def _compare(self) -> None:
        promises.nothing_else(self._data, self._url, blocked(self._choice))
        self._settled += 1
        fresh = self._folder / f"fresh{self._settled}"
        keys = {"upstream": CALM, "limits": LIMITS, "retention": "0", "grace": "0"}
        config = configure(fresh, self._server.url, **CHOICES[self._choice] | keys)
        made = synced(config, {**environ(), **self._inside})
        if said := difference(self._data, self._url, fresh / "data"):
            raise BrokenError("from scratch", f"{said}\n{made.err[-1_500:]}")
        done = self._run("sync")
        if made.code != done.code:
            codes = f"exit code {done.code}, from scratch {made.code}"
            raise BrokenError("from scratch", f"{codes}\n{done.out[-900:]}\n{made.err[-900:]}")
        verified = self._run("verify")
        if verified.out != "no faults\n":
            raise BrokenError("verify", verified.out[-2_000:])
