"""Rows D1 to D3: twice the same, alone as in any company, whole as in any blocks."""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch

from contract.test_contract_language_models import LANGUAGE_MODELS
from faults import whole_journey
from faults.damage import files_of
from faults.kills import ended, forked
from faults.rows import Plant, figure
from journey import Journey
from smalti.core import Audio, Codec, Condition, Encoder, StreamingCodec, Tokenizer, TokenLM
from smalti.generate import Sampling, generate
from smalti.patterns import find_pattern
from smalti.systems import load_codec, load_lm
from smalti.systems.registry import load_encoder, load_tokenizer

TESTS = Path(__file__).parents[2]
Start = Callable[[Path, int], int]


def fresh(folder: Path, turn: int) -> int:
    """Make everything in a new interpreter whose hashes, and whose working folder, are others each turn."""
    folder.mkdir()
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])
    settings = {"PYTHONHASHSEED": str(turn + 1), "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    line = [sys.executable, "-m", "faults.whole_journey", str(folder)]
    started.append(subprocess.Popen(line, env={**os.environ, **settings}, cwd=folder, start_new_session=True))
    return started[-1].pid


started: list[subprocess.Popen[bytes]] = []
"""Kept, as a forgotten one is waited for behind our back."""


def prove_d1(folder: Path, *, start: Start = fresh) -> None:
    """Make everything twice and compare all files but TensorBoard's, which say when they were written."""
    children = [start(folder / str(turn), turn) for turn in range(2)]
    assert [ended(child) for child in children] == [0, 0]
    one, other = (files_of(folder / str(turn)) for turn in range(2))
    names = sorted(name for name in one.keys() | other.keys() if "tfevents" not in name)
    differ = [name for name in names if one.get(name) != other.get(name)]
    assert differ == [], f"{len(differ)} of {len(names)} files differ, such as {differ[:5]}"
    said = [name for name in names if str(folder).encode() in one[name]]
    assert said == [], f"the place of the run stands in {said[:5]}"
    for name in (name for name in names if name.startswith("threads-1/")):
        assert one[name] == one[name.replace("threads-1", "threads-2")], f"{name} depends on threads"
    manifests = {one[f"prepared-{readers}.csv"] for readers in (1, 2, 3)}
    assert len(manifests) == 1, "the manifest depends on how many files are read at once"
    runs = sum(name.endswith("metrics.jsonl") for name in names)
    figure("D1", f"{runs} runs, {len(names)} files equal; 1, 2, 3 readers and 1, 2 threads alike")


def prove_d2(name: str, model: Tokenizer | Encoder, *, clips: int = 100, sizes: Sequence[int] = (2, 8, 32)) -> None:
    """What is heard of clips alone and in batches of mixed lengths, in an order of their own, behind them noise."""
    rate, hop = (model.spec.sample_rate, model.spec.hop) if isinstance(model, Tokenizer) else (
        model.sample_rate,
        model.hop,
    )  # fmt: skip
    generator = random.Random(0)
    items = [_sound(generator.randrange(1, rate // 2) if clip else hop + 1, rate, clip) for clip in range(clips)]
    alone = [_heard(model, item) for item in items]
    worst, tokens, wrong = 0.0, 0, 0
    for size in sizes:
        order = generator.sample(range(clips), clips)
        for rows in (order[first : first + size] for first in range(0, clips, size)):
            found = _heard_together(model, [items[row] for row in rows])
            for row, (codes, latents) in zip(rows, found, strict=True):
                if latents is not None and alone[row][1] is not None:
                    worst = max(worst, _apart(latents, alone[row][1]))
                if codes is not None:
                    tokens, wrong = tokens + codes.numel(), wrong + int((codes != alone[row][0]).sum())
    measured = [f"{tokens - wrong} of {tokens} tokens"] * bool(tokens) + [f"latents ≤ {worst:.0e}"] * bool(worst)
    assert wrong == 0 and worst <= 1e-4, f"{name}: {measured}"
    figure("D2", f"{name}: {', '.join(measured) or 'latents equal'}")


def _heard(model: Tokenizer | Encoder, item: Audio) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    codes = model.encode(item).codes[0] if isinstance(model, Tokenizer) else None
    return codes, model.embed(item).frames[0] if isinstance(model, Encoder) else None


def _heard_together(
    model: Tokenizer | Encoder, items: Sequence[Audio]
) -> Iterator[tuple[torch.Tensor | None, torch.Tensor | None]]:
    batch = Audio.batch(items)
    inside = torch.arange(batch.samples.shape[1]) < batch.lengths[:, None]
    batch = Audio(torch.where(inside, batch.samples, 0.7), batch.sample_rate, batch.lengths)
    tokens = model.encode(batch).items() if isinstance(model, Tokenizer) else [None] * len(items)
    heard = model.embed(batch) if isinstance(model, Encoder) else None
    for row, one in enumerate(tokens):
        latents = None if heard is None else heard.frames[row, : int(heard.lengths[row])]
        yield (None if one is None else one.codes[0]), latents


def _sound(samples: int, rate: int, seed: int) -> Audio:
    """A tone in noise that comes and goes."""
    generator, time = torch.Generator().manual_seed(seed), torch.arange(samples) / rate
    noise = torch.randn(samples, generator=generator) * 0.1 * (1 + (9 * time).sin())
    return Audio.single(noise + 0.3 * (6.28 * (110 + 37 * seed) * time).sin(), rate)


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).detach().abs().max()) if one.numel() else 0.0


def prove_d3_codec(name: str, codec: Codec, *, files: int = 20) -> None:
    """Stream sounds in and out of a codec in blocks of one frame, seven, a second and all."""
    assert isinstance(codec, StreamingCodec), f"{name} does not stream"
    rate, hop, worst, tokens = codec.spec.sample_rate, codec.spec.hop, 0.0, 0
    longest = min(rate * 5 // 4, 600 * hop)  # where a frame is a sample, blocks of one are slow
    for file in range(files):
        item = _sound(longest - file * hop // 3, rate, file)
        wanted = codec.encode(item)
        whole = codec.decode(wanted).samples[0]
        for samples in (hop, 7 * hop, rate, 10**9):
            stream = codec.encoder_stream()
            found = torch.cat([*map(stream.push, item.samples[0].split(samples)), stream.flush()], dim=1)
            assert torch.equal(found, wanted.codes[0]), f"{name}: other tokens in blocks of {samples} samples"
            tokens += found.numel()
        for frames in (1, 7, max(1, rate // hop), 10**9):
            out = codec.decoder_stream()
            heard = torch.cat([*map(out.push, wanted.codes[0].split(frames, dim=1)), out.flush()])[: len(whole)]
            assert len(heard) == len(whole), f"{name}: {len(heard)} samples in blocks of {frames} frames"
            worst = max(worst, _apart(heard, whole))
    assert worst <= 1e-4, f"{name}: sound is {worst:.1e} apart"
    figure("D3", f"{name}: {tokens} tokens equal, sound ≤ {worst:.0e}")


def prove_d3_model(name: str, lm: TokenLM, *, files: int = 20) -> None:
    """Logits of codes with and without the cache, in blocks of one frame, seven and all; and what is generated."""
    worst = 0.0
    for file in range(files):
        generator = torch.Generator().manual_seed(file)
        codes = torch.randint(lm.spec.vocab, (2, lm.spec.codebooks, 3 + 2 * file), generator=generator)
        whole = lm.logits(codes, Condition.empty(2, 1, len(lm.schema.parameters)))
        for block in (1, 7, 10**9):
            apart = _apart(_stepped(lm, codes, block), whole) / float(whole.abs().max())
            worst = max(worst, apart)
    assert worst <= 1e-5, f"{name}: logits are {worst:.1e} apart"
    asked = Condition.empty(1, 12, len(lm.schema.parameters))
    alone = generate(lm, asked, sampling=Sampling(temperature=0.0), seeds=[3])
    assert torch.equal(_greedy(lm, asked, 12), alone), f"{name}: the cache changes what is generated"
    figure("D3", f"{name}: logits ≤ {worst:.0e}, greedy codes equal")


def _stepped(lm: TokenLM, codes: torch.Tensor, block: int) -> torch.Tensor:
    """The same logits from the cache, `block` rows at a time."""
    pattern, (batch, codebooks, frames) = find_pattern(lm.pattern), codes.shape
    rows = torch.nn.functional.pad(pattern.rows(codes, lm.spec.vocab), (1, 0), value=lm.spec.vocab)[:, :, :-1]
    stepper, asked = lm.stepper(batch), len(lm.schema.parameters)
    guesses = [stepper.step(part, Condition.empty(batch, part.shape[2], asked)) for part in rows.split(block, dim=2)]
    places = pattern.positions(codebooks, frames)
    return torch.cat(guesses, dim=2)[:, torch.arange(codebooks)[:, None], places]


def _greedy(lm: TokenLM, asked: Condition, frames: int) -> torch.Tensor:
    """The likeliest codes, every one of them from logits of all before it."""
    codes = torch.zeros(1, lm.spec.codebooks, frames, dtype=torch.int64)
    pattern = find_pattern(lm.pattern)
    places = pattern.positions(lm.spec.codebooks, frames)
    for place in range(int(places.max()) + 1):
        for _ in range(lm.spec.codebooks):  # those of one place may hear each other, in their order
            likeliest = lm.logits(codes, asked).argmax(dim=-1)
            codes = torch.where(places == place, likeliest, codes)
    return codes


def tokenizers(journey: Journey) -> dict[str, Tokenizer | Encoder]:
    """Everything that hears."""
    from contract import (
        test_contract_codecs,
        test_contract_encoders,
        test_contract_soft_tokenizers,
        test_contract_tokenizers,
    )

    exams = (test_contract_codecs.CODECS, test_contract_tokenizers.TOKENIZERS, test_contract_soft_tokenizers.TOKENIZERS)
    found = {name: load_tokenizer(run(journey)) for exam in exams for name, run in exam.items()}
    encoders = {
        name: load_encoder(run(journey, _empty(journey))) for name, run in test_contract_encoders.ENCODERS.items()
    }
    return {**found, **{f"{name} vectors": model for name, model in encoders.items()}}


def codecs(journey: Journey) -> dict[str, Codec]:
    """Everything that hears and is heard."""
    from contract.test_contract_codecs import CODECS

    return {name: load_codec(run(journey)) for name, run in CODECS.items()}


def language_models(journey: Journey) -> Iterator[tuple[str, TokenLM]]:
    """Everything that goes on with tokens, frame by frame."""
    return ((name, load_lm(run(journey))) for name, run in LANGUAGE_MODELS.items())


def _empty(journey: Journey) -> Path:
    folder = journey.sounds.parent / "encoder of D2"
    folder.mkdir(exist_ok=True)
    return folder


def _forked(folder: Path, turn: int) -> int:
    return forked(lambda: whole_journey.main(str(folder), "kmeans", "melvqvae"))


def _random_seed(*parts: int) -> int:
    return int.from_bytes(os.urandom(7))


def _see_behind(monkeypatch) -> None:
    monkeypatch.setattr(Audio, "zero_padded", lambda self: self)


def _forget(monkeypatch) -> None:
    monkeypatch.setattr("smalti.nn.ring.RingCache.advance", lambda self, count: None)


def _first_model(journey: Journey) -> None:
    for name, lm in islice(language_models(journey), 1):
        prove_d3_model(name, lm, files=4)


PLANTS = [
    Plant(
        "D1",
        "seeds of the batches",
        lambda monkeypatch: monkeypatch.setattr("smalti.data.batches.mix", _random_seed),
        lambda folder: prove_d1(folder, start=_forked),
        slow=True,
    ),
    Plant(
        "D2",
        "zeros behind an item",
        _see_behind,
        lambda journey: prove_d2("almtokenizer", load_tokenizer(journey.alm), clips=8, sizes=(4,)),
        given="journey",
    ),
    Plant("D3", "the place in the cache", _forget, _first_model, given="journey"),
    Plant(
        "D3",
        "the past of a stream",
        _forget,
        lambda journey: prove_d3_codec("almtokenizer", load_codec(journey.alm), files=1),
        given="journey",
    ),
]
