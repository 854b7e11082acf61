"""Rows B1 to B4: recordings that are broken, changed at random, of every rate and shape, or hardly sound."""

import io
import math
import random
import resource
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from faults.malformed_files import EXPECT, FILES, MP3, RATE, SAMPLES, encoded, wave
from faults.measuring import Growth, alone
from faults.rows import Plant, figure
from smalti.audio import DamageWarning, FileReport, claims, inspect, read, reading, resample
from smalti.audio.claims import DAMAGE
from smalti.cli import run
from smalti.core import Audio, Codec, SmaltiError

_ROOM = 2 << 30  # bytes of address space
_MOST_MIB = 1024
_SECONDS = 10  # of one file; a hang is a failure
_BARE = ("Traceback", "should not happen")


def prove_b1(cases: dict[str, tuple[Path, Callable[[FileReport | str], bool]]], folder: Path) -> None:
    """Read each file and give it to a command, each in a process of its own.

    Args:
        cases: by a name, the file and what a report of it, or the words of its refusal, must be.
    """
    wrong, most = [], 0.0
    (folder / "whole.wav").write_bytes(wave())
    _given(folder / "whole.wav", folder)  # imports what a forked process then has
    for name, (path, expected) in cases.items():
        try:
            found = alone(lambda path=path: _limited(path, folder), folder / "process")
        except AssertionError as error:
            wrong.append(f"{name}: {error}")
            continue
        report = found["report"]
        if isinstance(report, dict):
            report = FileReport(**{**report, "path": path, "flags": tuple(report["flags"])})
        code, said = found["code"], found["said"]
        most = max(most, found["mib"])
        if not expected(report):
            wrong.append(f"{name}: {report}")
        if code != (2 if isinstance(report, str) else 0) or any(word in said for word in _BARE):
            wrong.append(f"{name}: exit {code}, said {said!r}")
        if isinstance(report, str) and not (report.startswith(f"{path}: ") and path.name in said):
            wrong.append(f"{name}: names no file: {report!r}, {said!r}")
    assert not wrong, "\n".join(wrong)
    assert most <= _MOST_MIB, f"{most:.0f} MiB"
    figure("B1", f"{len(cases)} of {len(cases)} as expected, {most:.0f} MiB at most")


def own_cases(folder: Path) -> dict[str, tuple[Path, Callable[[FileReport | str], bool]]]:
    """The broken files that are made here, as cases."""
    folder.mkdir()
    cases = {}
    for number, (name, (data, expected)) in enumerate(FILES.items()):
        path = folder / f"{number:02d}.bin"
        path.write_bytes(data)
        cases[name] = path, lambda report, expected=expected: _as_promised(report, expected)
    return cases


def listed_cases(folder: Path, rows: Sequence[dict[str, str]]) -> dict[str, tuple[Path, Callable[..., bool]]]:
    """The files of a table with a column `expect`, as cases."""
    return {
        row["path"]: (
            folder / row["path"],
            lambda report, row=row: EXPECT[row["expect"]](report, row["sf_read_frames"]),
        )
        for row in rows
    }


def _as_promised(report: FileReport | str, expected: str | tuple[()]) -> bool:
    if isinstance(report, str):
        return expected != () and expected not in DAMAGE and expected.replace("\\", "") in report
    return not report.flags if expected == () else expected in report.flags


def _limited(path: Path, folder: Path) -> dict[str, Any]:
    _limit()
    return _given(path, folder)


def _given(path: Path, folder: Path) -> dict[str, Any]:
    """What reading and encoding a file comes to."""
    growth = Growth()
    try:
        found = inspect(path)
        report: Any = {name: getattr(found, name) for name in FileReport.__dataclass_fields__ if name != "path"}
    except SmaltiError as error:
        report = str(error)
    said = io.StringIO()
    with warnings.catch_warnings(), redirect_stderr(said), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        code = run(["encode", "mulaw", str(path), "--to", str(folder / "out.smt")])
    return {"report": report, "code": code, "said": said.getvalue(), "mib": growth.mib}


def _limit() -> None:
    """Let this process have 2 GiB more, and 10 s; then the system ends it."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    room = pages * resource.getpagesize() + _ROOM
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    spent = math.ceil(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (spent + _SECONDS, spent + _SECONDS))


def small_files() -> list[bytes]:
    """Twenty short recordings in nine formats."""
    short = SAMPLES[:3000]

    def made(container: str, subtype: str, channels: int = 1) -> bytes:
        memory = io.BytesIO()
        soundfile.write(memory, np.repeat(short[:, None], channels, axis=1), RATE, format=container, subtype=subtype)
        return memory.getvalue()

    coded = [("WAV", "PCM_16"), ("WAV", "PCM_U8"), ("WAV", "FLOAT"), ("WAV", "ULAW"), ("WAV", "IMA_ADPCM")]
    coded += [("RF64", "PCM_16"), ("W64", "PCM_24"), ("AIFF", "PCM_16"), ("AIFF", "FLOAT"), ("AU", "PCM_16")]
    coded += [("CAF", "FLOAT"), ("CAF", "PCM_16"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("FLAC", "PCM_S8")]
    stereo = [("WAV", "PCM_16"), ("FLAC", "PCM_16")]
    lossy = [encoded("OGG", "VORBIS"), encoded("OGG", "OPUS"), MP3[:6000]]
    files = [made(*one) for one in coded] + [made(*one, 2) for one in stereo] + lossy
    assert len(files) == 20
    return files


def mutations(files: Sequence[bytes], *, count: int, seed: int) -> Iterator[bytes]:
    """The files by turns, each with one to three flips, cuts, splices and fields of ones at seeded places."""
    generator = random.Random(seed)
    for number in range(count):
        data = files[number % len(files)]
        for _ in range(generator.randrange(1, 4)):
            at = generator.randrange(len(data) or 1)
            other = generator.choice(files)
            change = generator.randrange(4)
            if change == 0:
                data = data[:at] + bytes([data[at] ^ 1 << generator.randrange(8)] if data else []) + data[at + 1 :]
            elif change == 1:
                data = data[:at]
            elif change == 2:
                data = data[:at] + other[generator.randrange(len(other)) :]
            else:
                data = data[: at % 200] + b"\xff\xff\xff\xff" + data[at % 200 + 4 :]
        yield data


def prove_b2(folder: Path, *, count: int, batch: int = 500) -> None:
    """Read so many mutations, a batch of them in one process, which none may end."""
    files, read_ones, refused = small_files(), 0, 0
    for first in range(0, count, batch):
        some = min(batch, count - first)
        work = lambda seed=first, some=some: _mutated(files, folder, some, seed)  # noqa: E731
        found = alone(work, folder / "process")
        assert not found["wrong"], found["wrong"][:3]
        read_ones, refused = read_ones + found["read"], refused + found["refused"]
    assert read_ones + refused == count and min(read_ones, refused) > count // 20, (read_ones, refused)
    figure("B2", f"{count} mutations: {read_ones} read, {refused} refused, 0 other errors, 0 hangs")


def _mutated(files: Sequence[bytes], folder: Path, count: int, seed: int) -> dict[str, Any]:
    path, found, wrong = folder / "mutant", {"read": 0, "refused": 0}, []
    for number, data in enumerate(mutations(files, count=count, seed=seed)):
        path.write_bytes(data)
        try:
            with _within(_SECONDS), warnings.catch_warnings():
                warnings.simplefilter("ignore", DamageWarning)
                report = inspect(path)
                assert read(path).samples.shape == (1, report.frames), "another number of samples"
            found["read"] += 1
        except SmaltiError as error:
            found["refused"] += 1
            if not str(error).startswith(f"{path}: "):
                wrong.append(f"{seed}+{number}: names no file: {error}")
        except Exception as error:
            wrong.append(f"{seed}+{number}: {type(error).__name__}: {error}")
    return {**found, "wrong": wrong}


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Raise TimeoutError if it takes longer."""

    def late(number: int, frame: object) -> None:
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


RATES = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000)
CHANNELS = (1, 2, 3, 6, 8, 16)


def prove_b3(codecs: dict[str, Codec], folder: Path, *, rates: Sequence[int] = RATES) -> None:
    """Encode and decode a recording of every rate and number of channels by every codec."""
    count = 0
    for rate in rates:
        for channels in CHANNELS:
            path = folder / f"{rate}-{channels}.wav"
            frames = rate // 5 + channels  # no round number of anything
            tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(frames) / rate)
            gains = np.linspace(1, 0.5, channels)
            soundfile.write(path, tone[:, None] * gains, rate, subtype="FLOAT")
            mixed = torch.from_numpy(tone * gains.mean()).float()
            assert torch.allclose(read(path).samples[0], mixed, atol=1e-6), f"{path.name} is not the mean"
            for name, codec in codecs.items():
                _is_exact(codec, path, Audio.single(mixed, rate), f"{name} on {path.name}")
                count += 1
    _antiphase_is_told(folder / "antiphase.wav")
    figure("B3", f"{count} of {count} lengths exact to the sample ({', '.join(codecs)}); anti-phase flagged")


def _is_exact(codec: Codec, path: Path, mixed: Audio, where: str) -> None:
    audio = read(path, sample_rate=codec.spec.sample_rate)
    samples = audio.samples.shape[1]
    true = mixed.samples.shape[1] * codec.spec.sample_rate / mixed.sample_rate
    assert samples == math.floor(true + 0.5), f"{where}: {samples} samples of {true}"
    wanted = resample(mixed, codec.spec.sample_rate).samples
    assert torch.allclose(audio.samples, wanted, atol=1e-6), f"{where}: resampled otherwise"
    tokens = codec.encode(audio)
    assert tokens.codes.shape[2] == math.ceil(samples / codec.spec.hop), f"{where}: {tokens.codes.shape[2]} frames"
    decoded = codec.decode(tokens)
    assert decoded.samples.shape[1] == samples, f"{where}: decoded to {decoded.samples.shape[1]}, not {samples}"


def _antiphase_is_told(path: Path) -> None:
    soundfile.write(path, np.stack([SAMPLES, -SAMPLES], axis=1), RATE)
    assert "antiphase" in inspect(path).flags


def prove_b4(codecs: dict[str, Codec], folder: Path) -> None:
    """Give every codec what is hardly sound; through a file, as users do."""
    count = 0
    for name, codec in codecs.items():
        rate, hop = codec.spec.sample_rate, codec.spec.hop
        for case, samples in hardly_sound(rate, hop).items():
            path, where = folder / f"{case}.wav", f"{name}: {case}"
            soundfile.write(path, samples, rate, subtype="DOUBLE" if case == "1e30" else "FLOAT")
            try:
                tokens = codec.encode(read(path))
            except SmaltiError as error:
                assert case in REFUSED and REFUSED[case] in str(error) and str(path) in str(error), f"{where}: {error}"
            else:
                assert case not in REFUSED, f"{where} is taken for sound"
                decoded = codec.decode(tokens).samples
                assert decoded.shape[1] == len(samples), f"{where}: {decoded.shape[1]} samples"
                assert bool(decoded.isfinite().all()), f"{where}: not finite"
            count += 1
    figure("B4", f"{count} of {count} finite or refused by name ({', '.join(codecs)})")


REFUSED = {"empty": "no audio frames", "NaN": "which is no sound", "infinite": "which is no sound", "1e30": "no sound"}


def hardly_sound(rate: int, hop: int) -> dict[str, np.ndarray]:
    """Samples that are hardly sound, by what they are."""
    some = np.sin(np.arange(rate // 4) / 9) / 2
    return {
        "empty": np.zeros(0),
        "one sample": np.full(1, 0.4),
        "shorter than a token": some[: max(hop - 1, 1)],
        "silent": np.zeros(rate // 4),
        "DC": np.full(rate // 4, 0.7),
        "full scale": np.sign(some),
        "NaN": np.where(np.arange(rate // 4) == 77, np.nan, some),
        "infinite": np.where(np.arange(rate // 4) == 77, np.inf, some),
        "1e30": some * 1e30,
    }


def _own(folder: Path) -> None:
    prove_b1(dict([*own_cases(folder / "files").items()][:20]), folder)


def _mulaw() -> dict[str, Codec]:
    from smalti.systems.registry import load_codec

    return {"mulaw": load_codec("mulaw")}


PLANTS = [
    Plant(
        "B1",
        "holding a header against the file",
        lambda monkeypatch: monkeypatch.setattr(reading.chunks, "examine", lambda file, size: claims.Claims()),
        _own,
        slow=True,
    ),
    Plant(
        "B2",
        "turning a decoder's errors into one's own",
        lambda monkeypatch: monkeypatch.setattr(reading, "naming", _nothing),
        lambda folder: prove_b2(folder, count=100),
    ),
    Plant(
        "B3",
        "the mean of all channels",
        lambda monkeypatch: monkeypatch.setattr(reading.AudioFile, "mono", _first_channel),
        lambda folder: prove_b3(_mulaw(), folder, rates=[8_000]),
    ),
    Plant(
        "B4",
        "refusing samples that are no sound",
        lambda monkeypatch: monkeypatch.setattr(reading.Quality, "update", _counted),
        lambda folder: prove_b4(_mulaw(), folder),
    ),
]


@contextmanager
def _nothing(path: Path) -> Iterator[None]:
    yield


def _first_channel(file: Any) -> Iterator[np.ndarray]:
    for block in file._decoder.blocks(0):
        file._quality.update(block, block[:, 0])
        yield block[:, 0].copy()


def _counted(quality: Any, block: np.ndarray, mix: np.ndarray) -> None:
    quality.frames += len(block)
