#!/usr/bin/env python3
"""The fault campaign: processes that die at a write, torn writes, full disks, power cuts that take what was not synced, and
signals to random ranks. After each the same command must finish the work, byte for byte, and nothing else may have been
touched.
    python3 campaign_test.py PROGRAM SHIM [--rounds N] [--seed S] [--report FILE]
SHIM is the library of fault_shim.cpp. Every round can be repeated by its number and the seed."""
import argparse
import collections
import concurrent.futures
import filecmp
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
KINDS = ("kill", "torn", "full", "power")
MOST_FAULTS = 3  # one after another, in one round
PATIENCE_SECONDS = 120
TEXT_BYTES = 45_000
MODEL_TEXT_BYTES = 12_000
SKIPPED = 77


class Bad(Exception):
    """A promise was broken."""


class Setting:
    """The program, a corpus and what undisturbed runs make of it."""

    def __init__(self, program, shim, directory):
        self.program, self.shim, self.directory = str(program), str(shim), directory
        self.corpus = directory / "corpus"
        self.corpus.mkdir()
        text = b"".join(path.read_bytes() for path in sorted((REPOSITORY / "docs").rglob("*.md")))
        for i in range(3):
            (self.corpus / f"text-{i}").write_bytes(text[i * 17_001 :][:TEXT_BYTES])
        (self.corpus / "empty").touch()
        (self.corpus / "link").symlink_to("text-0")
        self.archive = directory / "plain.fz"
        self.run(self.compress("plain.fz"), directory)
        self.text = directory / "text"
        self.text.write_bytes(text[:MODEL_TEXT_BYTES])
        self.run(self.compress_text("model.fz"), directory)
        damaged = bytearray(self.archive.read_bytes())
        damaged[len(damaged) // 2] ^= 0x40
        (directory / "damaged.fz").write_bytes(damaged)
        self.run([self.program, "recover", "damaged.fz", "-o", "saved.fz"], directory, accepted=(5,))
        self.calls = {}

    def compress(self, output):
        return [self.program, "compress", self.corpus, "-o", output, "--model", "none", "--block-size", "64KiB", "--threads", "1"]

    def compress_text(self, output):
        """With the model, keeping what it says of the only block."""
        return [self.program, "compress", self.text, "-o", output, "--threads", "1", "--checkpoint-after", "0"]

    def run(self, command, directory, fault=None, accepted=(0,)):
        """Exit code and standard error; a hang is bad."""
        environment = dict(os.environ)
        if fault is not None:
            environment.update({"LD_PRELOAD": self.shim, "FZ_FAULT_UNDER": str(directory), **fault})
        try:
            done = subprocess.run([str(word) for word in command], cwd=directory, env=environment, capture_output=True,
                                  timeout=PATIENCE_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise Bad(f"hangs: {command}") from error
        said = done.stderr.decode(errors="replace")
        if accepted is not None and done.returncode not in accepted:
            raise Bad(f"exit code {done.returncode}: {' '.join(map(str, command[:3]))}: {said.strip()}")
        return done.returncode, said

    def count_calls(self, name, prepare, command):
        """How many calls of the command change files."""
        if name not in self.calls:
            directory = pathlib.Path(tempfile.mkdtemp(prefix="count-", dir=self.directory))
            prepare(directory)
            count = self.directory / f"{directory.name}.calls"
            self.run(command, directory, {"FZ_FAULT_AT": "0", "FZ_FAULT_COUNT": str(count)}, accepted=None)
            self.calls[name] = int(count.read_text())
            shutil.rmtree(directory)
        return self.calls[name]


def require_same(first, second):
    if not filecmp.cmp(first, second, shallow=False):
        raise Bad(f"{second.name} differs from that of an undisturbed run")


def require_only(directory, names):
    left = sorted(path.name for path in directory.iterdir())
    if not set(left) <= set(names):
        raise Bad(f"left over: {sorted(set(left) - set(names))}")


class Compress:
    name = "compress"

    def __init__(self, setting):
        self.setting, self.command, self.expected = setting, setting.compress("out.fz"), setting.archive

    def prepare(self, directory):
        pass

    def check_between(self, directory):
        """After a fault: the old state, or the whole."""
        if (directory / "out.fz").exists():
            require_same(self.expected, directory / "out.fz")

    def finish(self, directory):
        job = directory / "out.fz.job"
        if (directory / "out.fz").exists() and (not job.exists() or not any(job.iterdir())):
            self.setting.run(self.command, directory, accepted=(4,))  # done before; never overwritten
        else:
            self.setting.run(self.command, directory)
        require_same(self.expected, directory / "out.fz")
        require_only(directory, ["out.fz"])


class CompressText(Compress):
    name = "compress, within a block"

    def __init__(self, setting):
        super().__init__(setting)
        self.command, self.expected = setting.compress_text("out.fz"), setting.directory / "model.fz"


class Decompress:
    name = "decompress"
    top = "corpus"
    accepted_when_there = (4,)

    def __init__(self, setting):
        self.setting = setting
        self.command = [setting.program, "decompress", setting.archive, "-o", "out", "--threads", "1"]

    def prepare(self, directory):
        pass

    def check_between(self, directory):
        if (directory / "out" / self.top).exists():
            self.check_tree(directory)

    def check_tree(self, directory):
        for path in sorted(self.setting.corpus.iterdir()):
            restored = directory / "out" / "corpus" / path.name
            if path.is_symlink():
                if not restored.is_symlink() or os.readlink(restored) != os.readlink(path):
                    raise Bad(f"{path.name} is not that link")
            elif restored.stat().st_mtime_ns != path.stat().st_mtime_ns or not filecmp.cmp(path, restored, shallow=False):
                raise Bad(f"{path.name} differs")

    def finish(self, directory):
        if (directory / "out" / self.top).exists():
            self.setting.run(self.command, directory, accepted=self.accepted_when_there)
        else:
            self.setting.run(self.command, directory)
            require_only(directory / "out", [self.top])
        self.check_tree(directory)
        require_only(directory, ["out"])


class DecompressText(Decompress):
    name = "decompress, within a block"
    top = "text"
    accepted_when_there = (0, 4)  # it may have been about to say that it is done

    def __init__(self, setting):
        super().__init__(setting)
        self.command = [setting.program, "decompress", setting.directory / "model.fz", "-o", "out", "--threads", "1", "--continue", "--checkpoint-after", "0"]

    def check_tree(self, directory):
        require_same(self.setting.text, directory / "out" / "text")


class Recover:
    name = "recover"

    def __init__(self, setting):
        self.setting, self.command = setting, [setting.program, "recover", "damaged.fz", "-o", "out.fz"]

    def prepare(self, directory):
        shutil.copy(self.setting.directory / "damaged.fz", directory)

    def check_between(self, directory):
        require_same(self.setting.directory / "damaged.fz", directory / "damaged.fz")
        if (directory / "out.fz").exists():
            require_same(self.setting.directory / "saved.fz", directory / "out.fz")

    def finish(self, directory):
        self.setting.run(self.command, directory, accepted=(4,) if (directory / "out.fz").exists() else (5,))
        self.check_between(directory)
        if not (directory / "out.fz").exists():
            raise Bad("nothing was saved")


def faulted_round(setting, scenario, kind, chance, directory, extra=None):
    """Up to MOST_FAULTS faults one after another, then an undisturbed run. How many came, and what the last said."""
    scenario.prepare(directory)
    came = 0
    calls = setting.count_calls(scenario.name, scenario.prepare, scenario.command)
    for _ in range(chance.choice([1, 1, MOST_FAULTS])):
        fault = {"FZ_FAULT_AT": str(chance.randint(1, calls)), "FZ_FAULT_KIND": kind, "FZ_FAULT_SEED": str(chance.randrange(1 << 30))}
        code, said = setting.run(scenario.command, directory, {**fault, **(extra or {})}, accepted=None)
        if code == -signal.SIGKILL or (kind == "full" and code == 4 and "No space left" in said):
            came += 1
        elif code not in (0, 4, 5):
            raise Bad(f"exit code {code} after {kind}: {said.strip()}")
        scenario.check_between(directory)
    scenario.finish(directory)
    return came


def ranks_round(setting, chance, directory):
    """A signal to a random rank, or to the launcher, at a random time; plain mpirun and one that lets survivors live."""
    mpirun = ["mpirun", "--oversubscribe", "--allow-run-as-root"]
    compress = Compress(setting)
    came = 0
    for _ in range(chance.choice([1, 2])):
        mode = chance.choice([[], ["--enable-recovery"]])
        ranks = chance.randint(2, 4)
        command = [*mpirun, *mode, "-n", str(ranks), *map(str, compress.command), "--rank-timeout", "2"]
        with open(directory.parent / f"{directory.name}.log", "wb") as log, subprocess.Popen(
            command, cwd=directory, stdout=log, stderr=log, start_new_session=True) as job:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not (directory / "out.fz.job").exists() and job.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)  # Open MPI hangs when a rank dies while it starts, for ten minutes
            time.sleep(chance.uniform(0.0, 1.0))
            processes = ranks_of(directory, setting.program)
            target = chance.choice([job.pid, *processes])
            if job.poll() is None:
                came += 1
            try:
                os.kill(target, chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1]))
            except ProcessLookupError:
                pass
            try:
                job.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired as error:
                os.killpg(job.pid, signal.SIGKILL)
                raise Bad(f"mpirun {mode} hangs after a signal to {'a rank' if target != job.pid else 'mpirun'}") from error
        deadline = time.monotonic() + PATIENCE_SECONDS
        while ranks_of(directory, setting.program):  # of a launcher that was killed
            if time.monotonic() > deadline:
                raise Bad("ranks do not end")
            time.sleep(0.05)
        compress.check_between(directory)
    compress.finish(directory)
    return came


def ranks_of(directory, program):
    """The processes of the program that work in the directory."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(directory) and os.readlink(entry / "exe") == program:
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def plan_rounds(setting, rounds, seed):
    """(what, fault, function of a directory) of each round."""
    scenarios = [Compress(setting), Decompress(setting), Recover(setting), CompressText(setting), DecompressText(setting), Compress(setting)]
    has_mpirun = shutil.which("mpirun") is not None
    planned = []
    for number in range(rounds):
        chance = random.Random(seed * 1_000_003 + number)
        if has_mpirun and number % 10 == 9:
            planned.append(("compress under mpirun", "signal", lambda directory, chance=chance: ranks_round(setting, chance, directory)))
            continue
        scenario, kind = scenarios[number % len(scenarios)], KINDS[number // len(scenarios) % len(KINDS)]
        planned.append((scenario.name, kind, lambda directory, scenario=scenario, kind=kind, chance=chance: faulted_round(
            setting, scenario, kind, chance, directory)))
    return planned


def run_round(setting, number, function):
    directory = setting.directory / f"round-{number}"
    directory.mkdir()
    try:
        came, problem = function(directory), None
        shutil.rmtree(directory)
    except Bad as error:
        came, problem = 0, str(error)
    return came, problem


def notices_missing_syncs(setting, seed):
    """With syncs that do nothing, power cuts must be seen to do harm: else this campaign proves nothing."""
    for number in range(60):
        directory = setting.directory / f"unsynced-{number}"
        directory.mkdir()
        try:
            faulted_round(setting, Compress(setting), "power", random.Random(seed + number), directory, {"FZ_FAULT_IGNORE_SYNC": "1"})
        except Bad:
            return True
    return False


def write_report(path, table, seed, rounds):
    names = {"kill": "killed at a write", "torn": "killed within a write", "full": "disk full", "power": "power cut, unsynced data lost",
             "signal": "SIGKILL, SIGTERM, SIGUSR1"}
    lines = ["# Reliability", "",
             "The fault campaign of tests/faults, as written by",
             f"`python3 tests/faults/campaign_test.py build/fz-dist build/tests/faults/libfault_shim.so --rounds {rounds} --seed {seed} --report docs/reliability.md`;",
             "the tests run it, and leave their table in the build directory.",
             "A round has one to three faults, then the same command undisturbed. Good: the result is byte-identical to that of an",
             "undisturbed run, nothing is left over, and between the faults there was either no output or the whole one.", "",
             "| command | fault | rounds | faults that came | bad rounds |", "| --- | --- | ---: | ---: | ---: |"]
    for (what, kind), (count, came, bad) in sorted(table.items()):
        lines.append(f"| {what} | {names[kind]} | {count} | {came} | {bad} |")
    total = [sum(row[i] for row in table.values()) for i in range(3)]
    lines.append(f"| all | | {total[0]} | {total[1]} | {total[2]} |")
    lines += ["", "With syncs that do nothing the same campaign finds broken archives at once; the test checks that too. A power cut keeps, of",
              "what was not synced, the first so many changes of directories and a part of the data, cut off or as zeros. What it does",
              "not imitate: power cuts of several nodes, and file systems that lie about syncs.", ""]
    pathlib.Path(path).write_text("\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("shim")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("FZ_TEST_SEED", "20260101")))
    parser.add_argument("--report")
    options = parser.parse_args()
    if not os.path.exists("/proc/self/exe"):
        print("SKIPPED: there is no /proc here")
        return SKIPPED
    print(f"seed {options.seed} (set FZ_TEST_SEED to change it)")
    with tempfile.TemporaryDirectory(prefix="fz-faults-") as name:
        setting = Setting(os.path.realpath(options.program), os.path.realpath(options.shim), pathlib.Path(os.path.realpath(name)))
        if not notices_missing_syncs(setting, options.seed):
            print("FAILED: power cuts without any sync do no harm: the campaign would notice nothing")
            return 1
        planned = plan_rounds(setting, options.rounds, options.seed)
        for scenario in (Compress(setting), CompressText(setting), Decompress(setting), DecompressText(setting), Recover(setting)):
            setting.count_calls(scenario.name, scenario.prepare, scenario.command)
        table = collections.defaultdict(lambda: [0, 0, 0])
        with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            outcomes = pool.map(lambda item: run_round(setting, item[0], item[1][2]), enumerate(planned))
            for number, ((what, kind, _), (came, problem)) in enumerate(zip(planned, outcomes)):
                row = table[what, kind]
                row[0], row[1], row[2] = row[0] + 1, row[1] + came, row[2] + (problem is not None)
                if problem is not None:
                    print(f"round {number}: {what}, {kind}: {problem}", flush=True)
    for (what, kind), (count, came, bad) in sorted(table.items()):
        print(f"{what:26}{kind:8}{count:5} rounds{came:5} faults{bad:5} bad")
    if options.report:
        write_report(options.report, table, options.seed, options.rounds)
    silent = [f"{what}, {kind}" for (what, kind), row in table.items() if row[1] == 0]
    if silent:
        print(f"FAILED: no fault came in: {'; '.join(silent)}")
    return 1 if silent or any(row[2] for row in table.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
