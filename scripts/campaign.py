"""Random faults against the commands: kills, damaged files, and machines that lack something.

    python scripts/campaign.py --trials 200 --seed 7
    python scripts/campaign.py --seconds 60 --only kill,file

A trial runs a command on tiny data with one random fault, and then compares what it left with what the same command
leaves undisturbed. Each trial prints its seed, which repeats it: `--seed N --trials 1`. Trials are forks of this
process, which has imported everything already, so that a trial takes a second. The exit code is 1 if a trial failed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # a fork cannot use the threads of the process that it is a copy of

import librosa
import numpy as np
import pyarrow.parquet
import soundfile
import torch.utils.tensorboard  # noqa: F401
from safetensors import safe_open

import m2l_bench.jobs.training
import m2l_bench.music2latent.training.loop
import m2l_bench.probing.pipeline
import m2l_bench.reconstruction.pipeline  # noqa: F401
from devtools.faults import MACHINES, mutate
from m2l_bench.cli import main
from m2l_bench.runs.reconstruction import read_rows

RATE = 22_050
LONGEST = 180.0
"""Seconds after which a command counts as hung."""
FORMATS = {".wav": "PCM_16", ".flac": "PCM_16", ".ogg": "VORBIS", ".mp3": None}
QUICK = "name: quick\ntitle: Quick\ndataset: folder\nmetrics: [si_sdr_db]\n"
LOG_MEL = "name: log-mel\ntitle: Mel bands\nkind: embedding\nadapter: log-mel\n"
NOTES = (
    "name: notes\ntitle: Notes\ndataset: tinysol\noptions: {target: instrument}\nmetrics: [micro_f1]\n"
    "probe: {hidden: [8], batch_size: 16, epochs: 6, patience: 3, seeds: 2, learning_rate: 0.03}\n"
)
Prepare = Callable[[], None]
"""What is done in the process of a trial before the command begins."""


class Wrong(Exception):
    """What a trial found; the message says what is not as it should be."""


@dataclass(frozen=True)
class Command:
    """A command on a folder of audio, and what of its results must be the same after every fault."""

    arguments: Callable[[Path], list[str]]
    """From the folder of audio, which `train` and `probe` do not use."""
    results: Callable[[Path], Any]
    """From the folder that it ran in."""


class Campaign:
    """Data, and the undisturbed results of each command."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.undisturbed: dict[str, Any] = {}
        self.seconds: dict[str, float] = {}
        cards, corpus = base / "cards", base / "corpus"
        cards.mkdir()
        (cards / "quick.yaml").write_text(QUICK)
        (cards / "notes.yaml").write_text(NOTES)
        (cards / "log-mel.yaml").write_text(LOG_MEL)
        names = ("a.wav", "b.flac", "c.ogg", "d.mp3", "é.wav")
        for folder in ("good", "other"):
            for number, name in enumerate(names):
                write_audio(base / folder / name, number if folder == "good" else number + 10)
        lines = ["Path,Fold,Instrument (in full),Pitch"]
        for number in range(30):
            kind = ("Hum", "Hiss", "Click")[number % 3]
            write_audio(base / "notes" / "audio" / kind / f"{number}.wav", number, seconds=0.2)
            lines.append(f"{kind}/{number}.wav,{number % 5},{kind},C{number % 7}")
        (base / "notes" / "annotation").mkdir()
        (base / "notes" / "annotation" / "TinySOL_metadata.csv").write_text("\n".join(lines) + "\n")
        train = f"train --data {corpus} --validate-on {base / 'other'} --out out --preset tiny --batch-size 2"
        probe = f"probe --task notes --cards {cards} --data {base / 'notes'} --models log-mel --out out"
        fad = f"fad --embedding log-mel --cards {cards} --cache cache --by-clip by.csv {base / 'other'}"
        reconstruct = f"reconstruct --task quick --cards {cards} --models lowpass-7k --jobs 1 --out out --data"
        options = "--iterations 4 --interval-minutes 0 --precision 32-true"
        self.commands = {
            "reconstruct": Command(lambda audio: [*reconstruct.split(), str(audio)], run_results),
            "encode": Command(
                lambda audio: ["encode", str(audio), "-o", "out", "--weights", "music2latent-mini"],
                lambda folder: tensors(folder / "out"),
            ),
            "fad": Command(
                lambda audio: [*fad.split(), str(audio)],
                table_of,
            ),
            "probe": Command(lambda audio: probe.split(), lambda folder: checksums(folder / "out", "[irs]*[sy]")),
            "train": Command(lambda audio: [*train.split(), *options.split()], training_results),
        }
        self.run(["pack", str(base / "good"), "-o", str(corpus)], base)

    def run(self, arguments: list[str], folder: Path, prepare: Prepare = lambda: None) -> tuple[int, str]:
        """Run a command in a folder to its end; its exit code, and its output."""
        return finish(start(arguments, folder, prepare), folder)

    def expected(self, name: str, audio: Path) -> Any:
        """What the command leaves undisturbed."""
        key = f"{name} {audio}"
        if key not in self.undisturbed:
            folder = self.new_folder()
            begin = time.monotonic()
            code, output = self.run(self.commands[name].arguments(audio), folder)
            if code not in (0, 3):
                raise Wrong(f"undisturbed {name}: exit {code}: {output[-300:]}")
            self.seconds[name] = time.monotonic() - begin
            self.undisturbed[key] = self.commands[name].results(folder)
            shutil.rmtree(folder)
        return self.undisturbed[key]

    def new_folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(dir=self.base))
        folder.chmod(0o755)
        return folder


def start(arguments: list[str], folder: Path, prepare: Prepare) -> int:
    """Begin a command in a process of its own, and return the number of the process."""
    sys.stdout.flush()
    number = os.fork()
    if number:
        return number
    code = 99
    try:
        os.setsid()
        os.chdir(folder)
        os.environ["M2L_BENCH_CACHE"] = str(folder / "cache")
        output = os.open(folder / "output", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = (open(fd, "w", encoding="utf-8", closefd=False) for fd in (1, 2))  # noqa: SIM115
        sys.argv = ["m2l-bench", *arguments]
        prepare()
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, AttributeError, ValueError):
            stream.flush()
    os._exit(code)


def finish(number: int, folder: Path) -> tuple[int, str]:
    """Wait for a command; its exit code, negative for a signal, and its output."""
    deadline = time.monotonic() + LONGEST
    while True:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), (folder / "output").read_text(errors="replace")
        if time.monotonic() > deadline:
            os.kill(number, signal.SIGKILL)
            os.waitpid(number, 0)
            raise Wrong(f"still running after {LONGEST:g} s")
        time.sleep(0.01)


def check_words(output: str) -> None:
    """A user sees no traceback and no bug."""
    for sign in ("Traceback", "a bug"):
        if sign in output:
            start = max(0, output.index(sign) - 200)
            raise Wrong(f"'{sign}' in its output: {' '.join(output[start:].split())[:2000]}")


def check_end(campaign: Campaign, name: str, audio: Path, folder: Path) -> None:
    """Run the command again without a fault, and compare what is there with what it leaves undisturbed."""
    code, output = campaign.run(campaign.commands[name].arguments(audio), folder)
    check_words(output)
    if code != 0:
        raise Wrong(f"run again: exit {code}: {' '.join(output.split())[-300:]}")
    if campaign.commands[name].results(folder) != campaign.expected(name, audio):
        raise Wrong("the results are not those of an undisturbed run")
    left = [path.name for path in folder.rglob("*.part*")]
    if left and name != "train":
        raise Wrong(f"left behind: {left}")


def kill(campaign: Campaign, draw: random.Random, folder: Path) -> str:
    """Kill a command once or twice at random times, and let it go on."""
    name, audio = draw.choice(list(campaign.commands)), campaign.base / "good"
    campaign.expected(name, audio)
    said = name
    for _ in range(draw.choice((1, 1, 2))):
        sent = draw.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
        number = start(campaign.commands[name].arguments(audio), folder, lambda: None)
        after = draw.uniform(0, campaign.seconds[name])
        said += f" {sent.name} after {after:.2f} s"
        time.sleep(after)
        os.kill(number, sent)
        code, output = finish(number, folder)
        check_words(output)
        if code not in (0, 130, -sent):
            raise Wrong(f"{said}: exit {code}: {' '.join(output.split())[-300:]}")
    try:
        check_end(campaign, name, audio, folder)
    except Wrong as wrong:
        raise Wrong(f"{said}: {wrong}") from wrong
    return name


def file(campaign: Campaign, draw: random.Random, folder: Path) -> str:
    """Damaged files between good ones."""
    name = draw.choice(("reconstruct", "encode", "fad", "pack"))
    audio = folder / "audio"
    audio.mkdir()
    good = sorted((campaign.base / "good").iterdir())
    for path in good:
        shutil.copy(path, audio)
    said = name
    for number in range(draw.randint(1, 3)):
        source = draw.choice(good)
        content, how = mutate(source.read_bytes(), draw, good)
        suffix = draw.choice(list(FORMATS)) if draw.random() < 0.3 else source.suffix
        said += f", {source.suffix} {how} as {suffix}"
        (audio / f"bad{number}{suffix}").write_bytes(content)
    pack = ["pack", str(audio), "-o", "out"]
    code, output = campaign.run(campaign.commands[name].arguments(audio) if name != "pack" else pack, folder)
    try:
        check_words(output)
        if code not in (0, 3):
            raise Wrong(f"exit {code}: {' '.join(output.split())[-300:]}")
        check_files(campaign, name, folder, code, output)
    except Wrong as wrong:
        raise Wrong(f"{said}: {wrong}") from wrong
    return name


def check_files(campaign: Campaign, name: str, folder: Path, code: int, output: str) -> None:
    """Good files have the same results as without bad ones, and every bad file has results or is named."""
    good, bad = campaign.base / "good", [path.stem for path in (folder / "audio").glob("bad*")]
    if name == "pack":
        results, undisturbed = packed(folder / "out"), packed(campaign.base / "corpus")
    elif name == "fad":
        tables = (table_of(folder), campaign.expected(name, good))
        results, undisturbed = ({line.split(",")[1]: "" for line in table.splitlines()[1:]} for table in tables)
    else:
        results, undisturbed = campaign.commands[name].results(folder), campaign.expected(name, good)
    if name == "reconstruct":
        if len(results["rows"]) != len(list((folder / "audio").iterdir())):
            raise Wrong(f"{len(results['rows'])} rows")
        results, undisturbed = (
            {row["id"]: row for row in run["rows"] if row["status"] == "measured"} for run in (results, undisturbed)
        )
    results, undisturbed = ({Path(id).stem: result for id, result in of.items()} for of in (results, undisturbed))
    changed = [id for id, result in undisturbed.items() if id not in results or results[id] != result]
    failed = [id for id in bad if id not in results]
    silent = [id for id in failed if id not in output]
    if changed or silent:
        raise Wrong(f"results of good files changed: {changed}; bad files neither measured nor named: {silent}")
    if code == 0 and failed:
        raise Wrong(f"exit 0 although files failed: {failed}")


def machine(campaign: Campaign, draw: random.Random, folder: Path) -> str:
    """A machine that lacks something, and then does not."""
    name, audio = draw.choice(list(campaign.commands)), campaign.base / "good"
    campaign.expected(name, audio)
    fault = draw.choice(sorted(MACHINES))
    if fault == "nobody" and not all(parent.stat().st_mode & 0o001 for parent in Path(sys.base_prefix).parents):
        fault = "no home"  # nobody may not read where this Python is, and could import nothing more
    argument = draw.randrange(30_000)
    (folder / "out").mkdir()
    if fault == "nobody":
        for path in (folder, folder / "out"):
            path.chmod(0o555)
    code, output = campaign.run(campaign.commands[name].arguments(audio), folder, lambda: MACHINES[fault](argument))
    said = f"{name}, {fault} {argument}"
    allowed = {"file size": (0, 1, 3), "full disk": (1, 3), "nobody": (0, 1, 3), "closed pipe": (0, 1)}.get(fault, (0,))
    if (name, fault) == ("fad", "full disk"):
        allowed = (0, 1, 3)  # its table fits
    try:
        check_words(output)
        if code not in allowed:
            raise Wrong(f"exit {code}: {' '.join(output.split())[-300:]}")
        for path in (folder, folder / "out"):
            path.chmod(0o755)
        check_end(campaign, name, audio, folder)
    except Wrong as wrong:
        raise Wrong(f"{said}: {wrong}") from wrong
    return f"{name}, {fault}"


KINDS = {"kill": kill, "file": file, "machine": machine}


def write_audio(path: Path, seed: int, seconds: float = 0.6) -> None:
    draw = np.random.default_rng(seed)
    time_axis = np.arange(round(seconds * RATE)) / RATE
    samples = 0.2 * np.sin(2 * np.pi * draw.uniform(100, 900) * time_axis) + 0.02 * draw.standard_normal(len(time_axis))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE, subtype=FORMATS[path.suffix])


def checksums(folder: Path, pattern: str) -> dict[str, str]:
    paths = (path for path in sorted(folder.rglob(pattern)) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def tensors(folder: Path) -> dict[str, Any]:
    """Metadata and tensors by file; their order in a file is not always the same."""
    contents = {}
    for path in sorted(folder.rglob("*.safetensors")):
        with safe_open(path, "np") as content:
            arrays = {name: content.get_tensor(name).tobytes() for name in sorted(content.keys())}
            contents[str(path.relative_to(folder))] = (content.metadata(), arrays)
    return contents


def run_results(folder: Path) -> dict[str, Any]:
    """Rows without what they cost, and the audio."""
    (run,) = (path.parent for path in (folder / "out").glob("*/*/manifest.json"))
    ids = pyarrow.parquet.read_table(run / "clips.parquet")["id"].to_pylist()
    if len(ids) != len(set(ids)) or (run / "rows.jsonl").exists():
        raise Wrong("doubled rows, or rows outside of the table")
    costs = {"encode_seconds", "decode_seconds", "peak_memory_mb", "source_stat"}
    rows = [{name: value for name, value in vars(row).items() if name not in costs} for row in read_rows(run)]
    return {"rows": rows, "audio": checksums(run / "audio", "*")}


def table_of(folder: Path) -> str:
    path = folder / "by.csv"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def packed(corpus: Path) -> dict[str, list[Any]]:
    """Checksum and length of the files in a corpus."""
    index = json.loads((corpus / "corpus.json").read_text(encoding="utf-8"))
    return {entry["file"]: [entry["sha256"], entry["samples"]] for entry in index["files"]}


def training_results(folder: Path) -> dict[str, Any]:
    """The model, and the log without times."""
    rows = [json.loads(line) for line in (folder / "out" / "log.jsonl").read_text().splitlines()]
    for row in rows:
        del row["seconds"]
    return {"log": rows, "model": tensors(folder / "out" / "model")}


def run_campaign(kinds: list[str], seed: int, trials: int | None, seconds: float | None) -> int:
    """Run trials until their number or the time is reached, print each, and return how many failed."""
    tally: Counter[str] = Counter()
    failures = 0
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="campaign-") as name:
        Path(name).chmod(0o755)
        campaign = Campaign(Path(name))
        for number in range(seed, seed + (trials or 10**9)):
            if seconds is not None and time.monotonic() - begin > seconds:
                break
            draw = random.Random(number)
            kind = draw.choice(kinds)
            folder = campaign.new_folder()
            try:
                subject = KINDS[kind](campaign, draw, folder)
            except Wrong as wrong:
                failures += 1
                print(f"seed {number}: {kind}: WRONG: {wrong}", flush=True)
            else:
                tally[f"{kind}: {subject}"] += 1
                print(f"seed {number}: {kind}: {subject}: ok", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
    for subject, count in sorted(tally.items()):
        print(f"{count:5} ok  {subject}")
    print(f"{sum(tally.values()) + failures} trials in {time.monotonic() - begin:.0f} s, {failures} failed")
    return failures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(KINDS), help="kinds of trials, separated by commas")
    options = parser.parse_args()
    librosa.feature.melspectrogram(y=np.zeros(RATE, np.float32), sr=RATE)  # loads it, which is lazy
    sys.exit(bool(run_campaign(options.only.split(","), options.seed, options.trials, options.seconds)))
