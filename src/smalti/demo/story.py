"""The story, stage by stage: sounds → codec → tokens → language model → new sounds → search → figures → page."""

import json
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from smalti.audio import inspect, read
from smalti.config import load_settings
from smalti.core import Audio, Codec, TokenLM, Tokens, need
from smalti.data.manifest import Manifest
from smalti.demo.finding import evenly, find
from smalti.demo.progress import Narrator
from smalti.demo.report import Passage, Sounds, write_report
from smalti.demo.sounds import Material, built_in, own
from smalti.evaluate import (
    CodecReport,
    GenerationReport,
    GenerationSettings,
    LabelledClip,
    References,
    Sweep,
    TokenSounding,
    TrajectoryScore,
    evaluate_codec,
    evaluate_generation,
    opus_peer,
    trajectory_correlation,
)
from smalti.generate import Sampling, Setting, condition, generate
from smalti.store import TokenStore, write_bytes
from smalti.systems.references import stored_codes
from smalti.systems.registry import find_preset, load_codec, load_lm
from smalti.systems.synthformer import SynthformerConfig
from smalti.systems.training import train
from smalti.systems.transcoding import encode

CLIPS = 300
SHIFTS = 2
SAMPLING = Sampling(top_p=0.95)
SWEEP_SECONDS = 10.0
_LONGEST_CLIP = 10.0
_MOST_REFERENCES = 400
_PASSES = 8
_FEWEST_STEPS = 100


@dataclass
class _Story:
    """What has happened so far."""

    out: Path
    seed: int
    narrator: Narrator
    stages: dict[str, float] = field(default_factory=dict[str, float])

    @contextmanager
    def stage(self, name: str, what: str) -> Generator[None, None, None]:
        """Name a stage to the listener and note how long it took."""
        begin = time.monotonic()
        with self.narrator.stage(what):
            yield
        self.stages[name] = round(time.monotonic() - begin, 2)


def demo(folder: Path | None = None, *, out: Path = Path("demo-out"), seed: int = 0, clips: int = CLIPS,
         own_queries: Sequence[Path] = (), overrides: Sequence[str] = ()) -> dict[str, Any]:  # fmt: skip
    """Train a codec and a language model on sounds, generate, measure all of it, and write a page about it.

    Args:
        folder: the user's sounds; None renders textures and takes the bundled recordings.
        out: where everything goes; what a former run left there is gone on with.
        seed: of everything drawn.
        clips: training clips of each texture.
        own_queries: recordings to find the like of, besides clips kept out of training.
        overrides: settings for both trainings, such as train.steps=100.
    Returns:
        what report.json holds: `codec`, `generation`, `search`, `stages` in seconds, `report`, …
    Raises:
        DataError: if the folder holds nothing that can be used, or a query cannot be read.
        ParameterError: if a library is missing.
    """
    need("matplotlib", extra="report", what="pages of the demo")
    need("tantivy", extra="search", what="indexes")
    for query in own_queries:
        inspect(query)
    story = _Story(out, seed, Narrator())
    with story.stage("sounds", "sounds: " + ("textures and recordings" if folder is None else str(folder))):
        material = _material(folder, out / "sounds", clips=clips, seed=seed)
    with story.stage("train_codec", "codec: learning to write sound as tokens"):
        train("melvqvae/textures", data=material.codec, out=out / "codec", resume=True, overrides=overrides)
    codec = load_codec(out / "codec")
    with story.stage("score_codec", "codec: sound → tokens → sound, held-out clips"):
        codec_report, heard = _score_codec(codec, material)
    with story.stage("encode", "tokens: writing the store"):
        encode(out / "codec", (), data=material.model, to=out / "tokens", shifts=SHIFTS)
    with story.stage("train_model", "model: learning to continue tokens"):
        brief = [f"train.steps={_steps(TokenStore.open(out / 'tokens'), overrides)}"]
        train("synthformer/tiny", data=out / "tokens", out=out / "model", resume=True, overrides=[*overrides, *brief])
    model = load_lm(out / "model")
    with story.stage("score_model", "model: generating, and measuring what it made"):
        scored = _score_model(model, codec, material, out / "tokens", seed=seed, narrator=story.narrator)
    with story.stage("sweeps", "model: turning every knob"):
        passages = [_passage(model, codec, sweep, seed=seed) for sweep in material.sweeps]
    with story.stage("find", "search: finding sound by sound"):
        found = find(out / "codec", material.codec, to=out / "search", own=own_queries)
    result = _result(story, material, folder, codec_report, scored) | {"search": found.to_json()}
    with story.stage("report", "page: pictures and players"):
        sounds = Sounds(heard, scored.generated, passages, found.queries)
        write_report(out, result, sounds, codec=codec, schema=model.schema)
    write_bytes(out / "report.json", (json.dumps(result, indent=1) + "\n").encode())
    return result


def _steps(store: TokenStore, overrides: Sequence[str]) -> int:
    """Steps of the preset, fewer for a small store: after eight passes a model learns its clips by heart."""
    settings = load_settings(SynthformerConfig, find_preset("synthformer/tiny")[1], overrides)
    frames = sum(store.spec.frames(samples) for samples in store.clips["samples"].to_pylist())
    enough = _PASSES * frames // (settings.shown.batch * settings.shown.crop)
    return min(settings.train.steps, max(_FEWEST_STEPS, enough))


def _material(folder: Path | None, to: Path, *, clips: int, seed: int) -> Material:
    if folder is not None:
        return own(folder, to, seed=seed)
    return built_in(to, clips=clips, seed=seed)


def _score_codec(codec: Codec, material: Material) -> tuple[CodecReport, list[tuple[str, Audio, Audio]]]:
    """Scores of held-out clips, and one clip of each label before and after."""
    held_out = Manifest.read(material.codec).split("test")
    rate = codec.spec.sample_rate
    clips = [(str(path), read(held_out.path(row), sample_rate=rate, seconds=_LONGEST_CLIP))
             for row, path in enumerate(held_out.table["path"].to_pylist())]  # fmt: skip
    labels = {name: label for (name, _), label in zip(clips, held_out.labels(), strict=True) if label}
    peer = opus_peer(6000)
    report = evaluate_codec(codec, clips, labels=labels, peers={"opus_6k": peer} if peer else None)
    first = {labels.get(name, name): (name, audio) for name, audio in reversed(clips)}
    heard = [(label, audio, codec.decode(codec.encode(audio))) for label, (_, audio) in sorted(first.items())]
    return report, heard


def _score_model(
    model: TokenLM, codec: Codec, material: Material, store: Path, *, seed: int, narrator: Narrator
) -> GenerationReport:
    manifest, tokens = Manifest.read(material.model), TokenStore.open(store)
    return evaluate_generation(
        TokenSounding(model, codec, partial(generate, model, sampling=SAMPLING)),
        references=_references(manifest, tokens, model, codec, material.sweeps),
        sweeps=material.sweeps,
        settings=GenerationSettings(seed=seed),
        progress=narrator.progress,
    )


def _references(
    manifest: Manifest, store: TokenStore, model: TokenLM, codec: Codec, sweeps: Sequence[Sweep]
) -> References:
    """Real clips and tokens to hold the model against; at most 400 of each, evenly taken."""
    training, held_out = manifest.split("train"), manifest.split("test")
    rows = evenly(training.rows, 8 * _MOST_REFERENCES)
    learnt, tested = stored_codes(manifest, store, model.schema)
    return References(
        training=[_labelled(training, row, codec) for row in rows],
        held_out=[] if sweeps else [_labelled(held_out, row, codec) for row in range(held_out.rows)],
        training_codes=learnt,
        held_out_codes=tested,
    )


def _labelled(manifest: Manifest, row: int, codec: Codec) -> LabelledClip:
    audio = read(manifest.path(row), sample_rate=codec.spec.sample_rate, seconds=_LONGEST_CLIP)
    return LabelledClip(audio.samples[0], manifest.labels()[row])


def _passage(model: TokenLM, codec: Codec, sweep: Sweep, *, seed: int) -> Passage:
    """Ten seconds in which one knob turns from low to high and half-way back."""
    knob = sweep.parameter(model.schema)
    positions, times = (0.1, 0.9, 0.5), (0.0, 0.6 * SWEEP_SECONDS, SWEEP_SECONDS)
    setting = Setting(sweep.name, tuple(knob.denormalise(p) for p in positions), times)
    asked = condition(
        model.schema, label=sweep.label, settings=[setting], seconds=SWEEP_SECONDS, frame_rate=codec.spec.frame_rate
    )
    codes = generate(model, asked, sampling=SAMPLING, seeds=[seed])
    samples = codec.decode(Tokens(codes, codec.spec, torch.tensor([codes.shape[2] * codec.spec.hop]))).samples[0]
    track = asked.values[0, :, model.schema.parameter_index(sweep.name, sweep.label)]

    def asked_at(second: float) -> float:
        frame = min(int(second * codec.spec.frame_rate), len(track) - 1)
        return knob.denormalise(float(track[frame]))

    score = _followed(sweep, samples, codec.spec.sample_rate, asked_at)
    return Passage(sweep.key, samples, knob, score)


def _followed(sweep: Sweep, samples: torch.Tensor, rate: int, asked: Any) -> TrajectoryScore:
    return trajectory_correlation(
        sweep.measure, samples, sample_rate=rate, asked=asked, window_seconds=1.5, hop_seconds=0.5
    )


def _result(
    story: _Story, material: Material, folder: Path | None, codec: CodecReport, scored: GenerationReport
) -> dict[str, Any]:
    return {
        "source": "built-in" if folder is None else str(folder),
        "seed": story.seed,
        "threads": torch.get_num_threads(),
        "failed": list(material.failed),
        "codec": codec.to_json(),
        "generation": scored.to_json(),
        "stages": story.stages,
        "report": str(story.out / "report.html"),
    }
