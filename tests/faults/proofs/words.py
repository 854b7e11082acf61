"""Rows B5 and B6: settings, conditions and codes that cannot be, refused before anything is made of them."""

import io
import random
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import annotated_types
import torch
from pydantic import BaseModel
from torch import nn

from faults.rows import Plant, figure
from smalti.cli import run
from smalti.config import Settings, load_settings, settings, to_toml
from smalti.core import Codec, ConfigError, ParameterError, SmaltiError, SpecError, Tokens, TokenSpec, tokens
from smalti.store import DacFile, write_dac, write_smt
from smalti.systems.members import SYSTEMS
from smalti.systems.registry import find_preset, presets

_MISSPELT, _WRONG = 30, 10
_LEAST_RIGHT = 27


@dataclass(frozen=True)
class Fault:
    """A line of settings that cannot be.

    Attributes:
        key: what is meant.
        line: as it is written.
        said: what its refusal must hold.
    """

    key: str
    line: str
    said: str


def prove_b5(folder: Path) -> None:
    """Misspell, mistype and overstep the settings of the systems that learn, many at once, and read them."""
    known = [(cls, values) for cls, values in _shipped()]
    generator = random.Random(5)
    right = 0
    for cls, kinds, faults in _spread(known, generator):
        text = "".join(f"{line}\n" for line in [*(fault.line for fault in faults), *kinds])
        said = _refusal(cls, text)
        assert f"{len(faults)} problems" in said or len(faults) == 1, f"{len(faults)} problems, told:\n{said}"
        for number, fault in enumerate(faults, 1):
            told = [row for row in said.splitlines() if f"line {number}: " in row]
            assert told, f"nothing of line {number}, `{fault.line}`, in:\n{said}"
            if fault.said.startswith("did you mean"):
                assert "unknown; " in told[0], told[0]
                right += fault.said in told[0]
            else:
                assert fault.said in told[0] and "wanted" in told[0], f"{fault.line}: {told[0]}"
    assert right >= _LEAST_RIGHT, f"{right} of {_MISSPELT} suggestions are right"
    _is_no_table(folder)
    figure("B5", f"{_MISSPELT + 2 * _WRONG} of {_MISSPELT + 2 * _WRONG} told with their lines; {right} of 30 suggested")


def _shipped() -> Iterator[tuple[type[Settings], BaseModel]]:
    """Settings of one preset of each system that learns."""
    for name, system in SYSTEMS.items():
        if system.learning is not None:
            cls = system.learning.settings()
            preset = next(one for one in presets() if one.split("/")[0] == name)
            yield cls, load_settings(cls, find_preset(preset)[1])


def _spread(
    known: Sequence[tuple[type[Settings], BaseModel]], generator: random.Random
) -> Iterator[tuple[type[Settings], list[str], list[Fault]]]:
    """So many faults of each kind, dealt out over the classes of settings; with the lines that say what is of which."""
    every = [
        (place, kind, fault) for place, (_, values) in enumerate(known) for kind, fault in _faults(values, generator)
    ]
    chosen: dict[int, dict[str, Fault]] = {}
    for kind, count in {"misspelt": _MISSPELT, "type": _WRONG, "range": _WRONG}.items():
        some = generator.sample([(place, fault) for place, one, fault in every if one == kind], k=3 * count)
        free = [(place, fault) for place, fault in some if fault.key not in chosen.get(place, {})]
        assert len(free) >= count
        for place, fault in free[:count]:
            chosen.setdefault(place, {}).setdefault(fault.key, fault)
    for place, faults in chosen.items():
        cls, values = known[place]
        yield cls, [*_kinds(values)], list(faults.values())


def _faults(values: BaseModel, generator: random.Random) -> Iterator[tuple[str, Fault]]:
    for key, value, bounds in _leaves(values):
        table, _, name = key.rpartition(".")
        above = f"{table}." if table else ""
        wrong = _misspelt(name, generator)
        yield "misspelt", Fault(key, f"{above}{wrong} = {_toml(value)}", f"did you mean {key}?")
        other = "1.5" if isinstance(value, bool) else "'ten'"
        if isinstance(value, bool | int | float):
            yield "type", Fault(key, f"{key} = {other}", f"found {other}")
        if bounds is not None:
            low = int(bounds) - 1
            yield "range", Fault(key, f"{key} = {low}", f"found {low}")


def _leaves(values: BaseModel, above: str = "") -> Iterator[tuple[str, Any, float | None]]:
    """Dotted keys with their values and lowest values; `kind` and `system` say what the others mean."""
    for name, field in type(values).model_fields.items():
        value = getattr(values, name)
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{above}{name}.")
        elif name not in ("kind", "system") and isinstance(value, bool | int | float) and len(name) > 3:
            bounds = [getattr(one, "ge", getattr(one, "gt", None)) for one in field.metadata if _is_bound(one)]
            yield above + name, value, bounds[0] if bounds else None


def _kinds(values: BaseModel, above: str = "") -> Iterator[str]:
    for name in type(values).model_fields:
        value = getattr(values, name)
        if isinstance(value, BaseModel):
            yield from _kinds(value, f"{above}{name}.")
        elif name == "kind":
            yield f"{above}kind = {value!r}"


def _is_bound(one: object) -> bool:
    return isinstance(one, annotated_types.Ge | annotated_types.Gt)


def _misspelt(name: str, generator: random.Random) -> str:
    at = generator.randrange(1, len(name) - 1)
    kinds = [name[:at] + name[at + 1 :], name[:at] + name[at] + name[at:], name + "s"]
    kinds += [name[: at - 1] + name[at] + name[at - 1] + name[at + 1 :], name.replace("_", "-"), name.capitalize()]
    return generator.choice([one for one in kinds if one != name])


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _refusal(cls: type[Settings], text: str) -> str:
    try:
        load_settings(cls, text)
    except ConfigError as error:
        return str(error)
    raise AssertionError(f"taken as they are:\n{text}")


def _is_no_table(folder: Path) -> None:
    """A key twice and an empty file are refused by the command, a tab is a blank."""
    cases = {"seed = 1\nseed = 2\n": "line 2", "": "system", "[train\n": "line 1", "system = 'mulow'": "mulaw"}
    path = folder / "settings.toml"
    for text, wanted in cases.items():
        path.write_text(text)
        code, said = _said(["train", path, "--data", folder, "--out", folder / "run"])
        assert code == 2 and wanted in said and path.name in said, f"{text!r}: exit {code}, said {said!r}"
    cls, values = next(_shipped())
    text = to_toml(values)
    assert load_settings(cls, re.sub(" = ", "\t=\t", text)) == load_settings(cls, text)
    assert tomllib.loads(text)


def _said(command: Sequence[object]) -> tuple[int, str]:
    said = io.StringIO()
    with redirect_stderr(said), redirect_stdout(said):
        code = run([str(word) for word in command])
    return code, said.getvalue()


def prove_b6_commands(cases: dict[str, tuple[Sequence[object], Sequence[str]]]) -> None:
    """Each command is refused with these words while no net can run.

    Args:
        cases: by a name, the words of a command and what its refusal must hold.
    """
    with nothing_runs():
        for name, (command, wanted) in cases.items():
            code, said = _said(command)
            assert code == 2, f"{name}: exit {code}, said {said!r}"
            for word in wanted:
                assert word in said, f"{name}: said {said!r}, without {word!r}"
    figure("B6", f"{len(cases)} of {len(cases)} commands refused, no net ran")


@contextmanager
def nothing_runs() -> Iterator[None]:
    """No net can be called."""

    def ran(net: nn.Module, *given: object, **named: object) -> None:
        raise AssertionError(f"{type(net).__name__} ran")

    with mock.patch.object(nn.Module, "__call__", ran):
        yield


def prove_b6_codes(codec: Codec) -> None:
    """Codes that cannot be never become tokens, and tokens of another tokenizer are never decoded."""
    spec = codec.spec
    good = torch.zeros(1, spec.codebooks, 5, dtype=torch.int64)
    lengths = torch.tensor([5 * spec.hop])
    with nothing_runs():
        for value in (-1, spec.vocab, 10**9):
            codes = good.clone()
            codes[0, spec.codebooks - 1, 3] = value
            where = f"code {value} at row 0, codebook {spec.codebooks - 1}, frame 3 is outside 0…{spec.vocab - 1}"
            _refused(lambda codes=codes: Tokens(codes, spec, lengths), ParameterError, where)
        deeper = torch.zeros(1, spec.codebooks + 1, 5, dtype=torch.int64)
        _refused(lambda: Tokens(deeper, spec, lengths), SpecError, f"{spec.codebooks + 1} codebooks")
        other = TokenSpec(**{**_fields(spec), "tokenizer": "f" * 64})
        _refused(lambda: codec.decode(Tokens(good, other, lengths)), SpecError, "ffff", spec.tokenizer[:8])
    figure("B6", "5 of 5 codes refused in memory")


def prove_b6_floats() -> None:
    """Codes of another kind, in a process whose annotations are not checked as they are in tests."""
    program = (
        "import torch\nfrom smalti.core import ParameterError, Tokens, TokenSpec\n"
        "spec = TokenSpec(sample_rate=8000, hop=2, codebooks=1, vocab=5, tokenizer='a')\n"
        "for codes in (torch.rand(1, 1, 3), torch.zeros(1, 1, 3, dtype=torch.int16)):\n"
        "    try:\n        Tokens(codes, spec, torch.tensor([6]))\n"
        "    except ParameterError as error:\n        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300)
    said = done.stdout.splitlines()
    assert len(said) == 2, f"taken for codes: {said}"
    assert "torch.float32" in said[0] and "torch.int16" in said[1] and all("torch.int64" in one for one in said), said
    figure("B6", "2 of 2 codes of another kind refused")


def hostile_tokens(codec: Codec, folder: Path) -> dict[str, Path]:
    """Token files of which none may reach the codec, by what is wrong."""
    spec = codec.spec
    other = TokenSpec(**{**_fields(spec), "tokenizer": "f" * 64})
    codes = torch.zeros(1, spec.codebooks, 4, dtype=torch.int64)
    write_smt(folder / "other.smt", Tokens(codes, other, torch.tensor([4 * spec.hop])))
    facts = {"sample_rate": spec.sample_rate, "original_length": 4 * spec.hop, "chunk_length": 4, "input_db": -20.0}
    found = {"another tokenizer": folder / "other.smt"}
    high = codes.clone()
    high[0, 1, 2] = spec.vocab
    for name, some in {"code beyond": high, "levels": torch.cat([codes, codes], dim=1)}.items():
        found[name] = folder / f"{name.replace(' ', '-')}.dac"
        write_dac(found[name], DacFile(codes=some, **facts))
    return found


def _fields(spec: TokenSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in TokenSpec.__dataclass_fields__}


def _refused(work: Any, kind: type[SmaltiError], *words: str) -> None:
    try:
        work()
    except kind as error:
        for word in words:
            assert word in str(error), f"{error}, without {word!r}"
    else:
        raise AssertionError(f"taken, wanted {kind.__name__} with {words}")


def _mulaw(_folder: Path) -> None:
    from smalti.systems.registry import load_codec

    prove_b6_codes(load_codec("mulaw"))


PLANTS = [
    Plant(
        "B5",
        "telling all problems at once",
        lambda monkeypatch: monkeypatch.setattr(settings, "_message", lambda name, problems: problems[0][1]),
        prove_b5,
    ),
    Plant(
        "B5",
        "suggesting what was meant",
        lambda monkeypatch: monkeypatch.setattr(settings, "suggestion", lambda key, cls: "known: seed"),
        prove_b5,
    ),
    Plant(
        "B6",
        "refusing codes out of range",
        lambda monkeypatch: monkeypatch.setattr(tokens.Tokens, "_refuse_codes_out_of_range", lambda self: None),
        _mulaw,
    ),
    Plant(
        "B6",
        "comparing fingerprints",
        lambda monkeypatch: monkeypatch.setattr(tokens.TokenSpec, "require", lambda *given: None),
        _mulaw,
    ),
]
