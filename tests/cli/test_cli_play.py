"""`smalti play`: the samples of `smalti generate`, heard while they are made, with knobs that others turn."""

import contextlib
import json
import os
import signal
import socket
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from journey import Journey
from smalti.cli import run
from smalti.cli.errors import Terminated
from smalti.core import Codec, Parameter, Schema, Tokens
from smalti.features import MEL_PRESETS, FrameLM
from smalti.generate import Knobs, Sampling, block_frames, course, generate
from smalti.nn.token_lm import TokenTransformer
from smalti.nn.transformer import TransformerSettings
from smalti.play import FileOutput, SoundQueue, play
from smalti.systems import load_codec
from smalti.systems.playing import sound_of
from smalti.systems.registry import load_generator
from smalti.transcode import write_decoded

KEYS = {
    "to",
    "audio_seconds",
    "seconds",
    "real_time_factor",
    "first_audio_ms",
    "underruns",
    "changes",
    "refused",
    "interrupted",
}
SCHEMA = Schema(("rain", "wind"), (Parameter(name="rate"),))


def _osc(address: str, value: float | str) -> bytes:
    def text(value: str) -> bytes:
        return value.encode() + b"\0" * (4 - len(value) % 4)

    known = isinstance(value, str)
    return text(address) + (text(",s") + text(value) if known else text(",f") + struct.pack(">f", value))


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind(("127.0.0.1", 0))
        return int(there.getsockname()[1])


def _until(found: Any, what: str) -> None:
    deadline = time.perf_counter() + 60
    while not found():
        assert time.perf_counter() < deadline, f"never {what}"
        time.sleep(0.01)


def _json(capfd: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, Any]:
    capfd.readouterr()
    assert run([*map(str, arguments), "--json"]) == code, capfd.readouterr().err
    return json.loads(capfd.readouterr().out)


@pytest.mark.parametrize(
    ("model", "setting"),
    [
        ("lm", ("--label", "rain", "--set", "rate=20:80")),
        ("gpt", ("--guidance", "1.5")),
        ("vae", ("--label", "rain")),
        ("frames", ("--label", "pistons:rain", "--guidance", "label=1.5")),
    ],
)
def test_what_is_played_to_a_file_is_what_generate_writes(
    capfd: pytest.CaptureFixture[str], journey: Journey, tmp_path: Path, model: str, setting: tuple[str, ...]
) -> None:
    lm = getattr(journey, model)
    asked = (lm, "--seconds", 0.77, "--seed", 3, *setting)
    _json(capfd, "generate", *asked, "--to", tmp_path / "offline.wav")
    found = _json(capfd, "play", *asked, "--to", tmp_path / "live.wav")
    assert (tmp_path / "live.wav").read_bytes() == (tmp_path / "offline.wav").read_bytes()
    assert found.keys() == KEYS and found["audio_seconds"] == pytest.approx(0.77, abs=1e-4)
    assert found["underruns"] == 0 and found["changes"] == [] and not found["interrupted"]
    assert 0 < found["first_audio_ms"] <= 1000 * found["seconds"] and found["real_time_factor"] > 0


def test_frames_are_played_through_a_vocoder_as_they_are_generated(
    capfd: pytest.CaptureFixture[str], journey: Journey, tmp_path: Path
) -> None:
    asked = (journey.frames, "--vocoder", journey.vocoder, "--bridge", "magnitude", "--seconds", 0.77, "--seed", 3)
    _json(capfd, "generate", *asked, "--to", tmp_path / "offline.wav")
    _json(capfd, "play", *asked, "--to", tmp_path / "live.wav")
    assert (tmp_path / "live.wav").read_bytes() == (tmp_path / "offline.wav").read_bytes()
    assert run(["play", str(journey.frames), "--vocoder", str(journey.vocoder), "--to", str(tmp_path / "no.wav")]) == 2
    assert "name a bridge" in capfd.readouterr().err and not (tmp_path / "no.wav").exists()


def test_what_is_turned_while_frames_are_made_is_heard_in_them(journey: Journey) -> None:
    lm = load_generator(journey.frames)
    assert isinstance(lm, FrameLM)
    asked = course(lm.schema, label="pistons", settings=(), seconds=0.4, frame_rate=22_050 / 256)
    heard: dict[str, torch.Tensor] = {}
    for turn in ("none", "choose", "heat"):
        knobs = Knobs(lm.schema, asked, sampling=Sampling())
        pieces = sound_of(lm, _Shown(), knobs, seconds=0.4, seed=1)
        first = next(pieces)
        if turn == "choose":
            knobs.choose("rain")
        elif turn == "heat":
            knobs.heat(0.2)
        heard[turn] = torch.cat([first, *pieces])
    for turn in ("choose", "heat"):
        differs = heard[turn] != heard["none"]
        assert not differs[: 4 * 256].any() and differs[4 * 256 :].any()


class _Shown:
    """A vocoder through which every sample of a hop is the level of one band."""

    picture = MEL_PRESETS["wide"]

    def stream(self) -> "_Shown":
        return self

    def push(self, frames: torch.Tensor) -> torch.Tensor:
        return frames[40].repeat_interleave(self.picture.hop)

    def flush(self) -> torch.Tensor:
        return torch.zeros(0)


@pytest.mark.parametrize("name", ["mulaw", "codec", "grid_codec", "alm", "alm_stage2"])
def test_every_codec_gives_the_same_samples_live_and_written(journey: Journey, tmp_path: Path, name: str) -> None:
    codec = load_codec(getattr(journey, name, name))
    spec, lm = codec.spec, _model(codec)
    seconds = min(0.4, 59.5 * spec.hop / spec.sample_rate)
    asked = course(SCHEMA, label="rain", settings=(), seconds=seconds, frame_rate=spec.frame_rate)
    knobs, samples = Knobs(SCHEMA, asked, sampling=Sampling()), round(seconds * spec.sample_rate)
    with torch.no_grad():
        pieces = sound_of(lm, codec, knobs, seconds=seconds, seed=2)
        play(pieces, SoundQueue(ahead=9), FileOutput(tmp_path / "live.wav"), sample_rate=spec.sample_rate)
        codes = generate(lm, asked, sampling=Sampling(), seeds=[2])
        blocks = codes[0].split(block_frames(spec), dim=1)
        write_decoded(codec, blocks, tmp_path / "written.wav", samples=samples)
        whole = codec.decode(Tokens(codes, spec, torch.tensor([samples]))).samples[0]
    assert (tmp_path / "live.wav").read_bytes() == (tmp_path / "written.wav").read_bytes()
    found = torch.from_numpy(soundfile.read(tmp_path / "live.wav", dtype="float32")[0])
    torch.testing.assert_close(found, whole.clamp(-1, 1), rtol=0, atol=2 / 32768)


def test_a_pipe_gets_the_samples_and_results_go_aside(
    capfdbinary: pytest.CaptureFixture[bytes], journey: Journey, tmp_path: Path
) -> None:
    asked = ("play", str(journey.lm), "--seconds", "0.5", "--label", "rain", "--exact", "--json")
    assert run([*asked, "--to", str(tmp_path / "live.wav")]) == 0
    capfdbinary.readouterr()
    assert run([*asked, "--to", "-"]) == 0
    shown = capfdbinary.readouterr()
    samples = soundfile.read(tmp_path / "live.wav", dtype="int16")[0]
    assert shown.out[:4] == b"RIFF" and np.array_equal(np.frombuffer(shown.out[44:], "<i2"), samples)
    assert json.loads(shown.err.splitlines()[-1]).keys() == KEYS


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--label", "rein"], "did you mean 'rain'"),
        (["--label", "rain", "--set", "rat=5"], "did you mean 'rate'"),
        (["--label", "rain", "--set", "rate=0"], "outside"),
        (["--label", "rain", "--set", "rate=20:80"], "no end"),
        (["--seconds", "0"], "must be positive"),
        (["--ahead", "0"], "1…60000"),
        (["--glide", "-1"], "0…3600"),
        (["--osc", "here"], "cannot listen at 'here'"),
        (["--keys"], "--no-keys"),
    ],
)
def test_what_cannot_be_played_is_refused(
    capsys: pytest.CaptureFixture[str], journey: Journey, tmp_path: Path, arguments: list[str], found: str
) -> None:
    with contextlib.redirect_stdout(sys.stderr):
        assert run(["play", str(journey.lm), "--to", str(tmp_path / "a.wav"), *arguments]) == 2
    assert found in capsys.readouterr().err
    assert not (tmp_path / "a.wav").exists()


def test_a_model_that_fills_gaps_and_an_unknown_format_are_refused(
    capsys: pytest.CaptureFixture[str], journey: Journey, tmp_path: Path
) -> None:
    for model, name, found in ((journey.masked, "a.wav", "continues one"), (journey.lm, "a.xyz", "no format")):
        assert run(["play", str(model), "--seconds", "0.5", "--to", str(tmp_path / name)]) == 2
        assert found in capsys.readouterr().err
        assert not list(tmp_path.iterdir())


def test_packets_turn_knobs_while_it_plays_and_end_it(capfd: pytest.CaptureFixture[str], journey: Journey) -> None:
    port = _free_port()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for address, value in (("/set/rate", 4.0), ("/set/rate", 4e9), ("/noise", ""), ("/label", "rain")):
                sender.sendto(_osc(address, value), ("127.0.0.1", port))
            time.sleep(2.5)
            sender.sendto(_osc("/quit", 1.0), ("127.0.0.1", port))

    threading.Timer(1.5, send).start()
    asked = ("--to", "null", "--label", "pistons", "--osc", port, "--ahead", 60, "--glide", 0.2)
    found = _json(capfd, "play", journey.lm, *asked)
    assert [(one["name"], one["value"]) for one in found["changes"]] == [
        ("rate", pytest.approx(4.0)),
        ("label", "rain"),
    ]
    assert all(one["at"] is not None and one["lag_ms"] > 0 for one in found["changes"])
    assert found["refused"] == 2 and not found["interrupted"]


def test_a_turned_knob_changes_the_sound_behind_it_and_nothing_before(journey: Journey) -> None:
    codec = load_codec(journey.codec)
    lm, hop = _model(codec), codec.spec.hop
    asked = course(SCHEMA, label="wind", settings=(), seconds=None, frame_rate=codec.spec.frame_rate)

    def sound(turn: bool) -> tuple[torch.Tensor, int | None]:
        knobs = Knobs(SCHEMA, asked, sampling=Sampling())
        pieces = sound_of(lm, codec, knobs, seconds=None, seed=1)
        found = [next(pieces) for _ in range(20)]
        if turn:
            knobs.choose("rain")
        found += [next(pieces) for _ in range(20)]
        return torch.cat(found), knobs.turns()[0].frame if turn else None

    with torch.no_grad():
        (plain, _), (moved, frame) = sound(False), sound(True)
    assert frame is not None
    assert len(plain) == len(moved)
    # a few frames before it the windows of the picture already hear it
    assert frame - 12 < (plain != moved).nonzero()[0].item() / hop


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_endless_sound_that_is_stopped_leaves_a_whole_file(
    capfd: pytest.CaptureFixture[str], journey: Journey, tmp_path: Path, stop: signal.Signals
) -> None:
    def send() -> None:
        _until(lambda: any(one.stat().st_size > 50_000 for one in tmp_path.iterdir()), "wrote")
        os.kill(os.getpid(), stop)

    def terminate(number: int, frame: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        threading.Thread(target=send, daemon=True).start()
        code = run(["play", str(journey.lm), "--to", str(tmp_path / "endless.wav"), "--label", "rain", "--json"])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert code == 128 + stop
    assert [one.name for one in tmp_path.iterdir()] == ["endless.wav"]
    sound, rate = soundfile.read(tmp_path / "endless.wav")
    assert rate == 22_050 and len(sound) > 20_000
    shown = capfd.readouterr().out
    assert (stop == signal.SIGTERM) == (not shown)
    if shown:
        found = json.loads(shown)
        assert found["interrupted"] and found["audio_seconds"] == pytest.approx(len(sound) / rate)


def _model(codec: Codec) -> TokenTransformer:
    torch.manual_seed(3)
    sizes = TransformerSettings(width=16, layers=2, heads=2, window=5, condition_width=12)
    model = TokenTransformer(spec=codec.spec, schema=SCHEMA, pattern="delay", transformer=sizes).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return model
