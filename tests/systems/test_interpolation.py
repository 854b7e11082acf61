"""Sounds between recordings begin and end with the recordings' own decodes, code for code."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from journey import Journey
from smalti.audio import read
from smalti.core import Codec, ParameterError, SpecError
from smalti.generate import Sampling, condition, generate
from smalti.systems import interpolation
from smalti.systems.embedding import load_latent_lm
from smalti.systems.interpolation import interpolate
from smalti.systems.routes import Route


@pytest.fixture
def clips(journey: Journey) -> list[Path]:
    return [journey.sounds / kind / f"{kind}-0000.flac" for kind in ("rain", "pistons")]


def _own_codes(journey: Journey, clip: Path, sampling: Sampling, seed: int) -> torch.Tensor:
    lm, codec = load_latent_lm(journey.vae)
    sound = read(clip, sample_rate=codec.spec.sample_rate)
    seconds = min(sound.seconds, lm.heard * codec.spec.hop / codec.spec.sample_rate)
    told = condition(lm.schema, label="rain", settings=(), seconds=seconds, frame_rate=codec.spec.frame_rate)
    return generate(lm.at(lm.infer(codec.encode(sound)).mean), told, sampling=sampling, seeds=[seed])[0]


@pytest.mark.parametrize("sampling", [Sampling(temperature=0), Sampling(top_k=5)])
def test_the_ends_are_the_clips_own_decodes(
    journey: Journey, clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampling: Sampling
) -> None:
    decoded: list[torch.Tensor] = []
    write = interpolation.write_decoded

    def watch(codec: Codec, codes: Any, to: Path, **rest: Any) -> None:
        decoded.extend(codes)
        write(codec, codes, to, **rest)

    monkeypatch.setattr(interpolation, "write_decoded", watch)
    found = interpolate(journey.vae, clips, to=tmp_path, label="rain", sampling=sampling, seed=3)
    assert found.shares == (0, 0.25, 0.5, 0.75, 1) and found.files == len(decoded) == 5
    for codes, clip in ((decoded[0], clips[0]), (decoded[-1], clips[1])):
        assert torch.equal(codes, _own_codes(journey, clip, sampling, 3))
    alone = interpolate(journey.vae, clips[1:], to=tmp_path / "alone", label="rain", sampling=sampling, seed=3)
    assert alone.shares == (0.0,)
    assert Path(alone.paths[0]).read_bytes() == Path(found.paths[-1]).read_bytes()


def test_a_way_may_pass_several_recordings(journey: Journey, clips: list[Path], tmp_path: Path) -> None:
    found = interpolate(
        journey.vae,
        [*clips, clips[0]],
        to=tmp_path,
        route=Route(steps=3, way="linear"),
        seconds=0.3,
        sampling=Sampling(temperature=0),
    )
    assert found.shares == (0, 0.5, 1, 1.5, 2)
    sounds = [Path(path).read_bytes() for path in found.paths]
    assert sounds[0] == sounds[4] and sounds[1] == sounds[3]
    assert read(found.paths[0]).samples.shape[1] == round(0.3 * 22_050)


def test_what_cannot_be_passed_is_refused_and_nothing_is_written(
    journey: Journey, clips: list[Path], tmp_path: Path
) -> None:
    plain = Sampling(temperature=0)
    with pytest.raises(SpecError, match=r"without latents.*melgpt/vae"):
        interpolate(journey.gpt, clips, to=tmp_path / "o", sampling=plain)
    with pytest.raises(ParameterError, match="found no recording"):
        interpolate(journey.vae, [], to=tmp_path / "o", sampling=plain)
    with pytest.raises(ParameterError, match="found 1 steps"):
        Route(steps=1)
    with pytest.raises(ParameterError, match="did you mean 'rain'"):
        interpolate(journey.vae, clips, to=tmp_path / "o", label="rian", sampling=plain)
    assert not (tmp_path / "o").exists()


def test_a_training_leaves_the_way_between_two_clips_to_listen_to(journey: Journey) -> None:
    steps = {f"interpolation-{share:.2f}.wav" for share in (0, 0.25, 0.5, 0.75, 1)}
    others = {"prior.wav", "first-reconstruction.wav", "second-reconstruction.wav"}
    assert {path.name for path in (journey.vae / "samples").iterdir()} == steps | others
    lines = [json.loads(line) for line in (journey.vae / "metrics.jsonl").read_text().splitlines()]
    by_kind = {line["kind"]: line.keys() - {"step", "kind"} for line in lines}
    assert by_kind["train"] == {"loss", "loss_rc", "loss_kl", "kl_weight", "learning_rate"}
    assert by_kind["evaluate"] >= {"loss", "loss_rc", "loss_kl", "mutual_information", "active_units", "nll", "ppl"}
