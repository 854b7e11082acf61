"""The codec: one net at many rates. Each view (`at`) is a codec with its own spec over the same weights."""

from collections.abc import Mapping
from dataclasses import replace

import torch

from smalti.core import Audio, ParameterError, SpecError, Tokens, TokenSpec
from smalti.nn.fixed_step import FixedStep
from smalti.store import fingerprint
from smalti.systems.almtokenizer.fixed_steps import fixed_steps
from smalti.systems.almtokenizer.net import QueryNet
from smalti.systems.almtokenizer.streams import ALMDecoderStream, ALMEncoderStream, Analysis, Synthesis

_PIECE = 1 << 20  # samples handed on at once; a sound of any length is heard in blocks


class ALMTokenizer:
    """A waveform codec whose tokens are queries, one for every `window` frames.

    A view holds nothing but its two numbers. All views of a net have the same fingerprint: what tells their tokens
    apart is the hop and the number of codebooks in the spec.

    Attributes:
        net: what was learnt; put in evaluation mode by whoever passes it.
        window: frames of a query.
        codebooks: how many of the net's codebooks are used, the first ones.
    """

    def __init__(self, net: QueryNet, *, window: int | None = None, codebooks: int | None = None) -> None:
        """A view of a net.

        Raises:
            ParameterError: if it has no such window or codebooks.
        """
        config = net.config
        low, high = config.windows
        self.net = net
        self.window = config.window if window is None else window
        self.codebooks = config.codes.codebooks if codebooks is None else codebooks
        if not low <= self.window <= high:
            raise ParameterError(f"window {self.window} is outside {low}…{high} frames; choose one in that range")
        if not 1 <= self.codebooks <= config.codes.codebooks:
            raise ParameterError(f"found {self.codebooks} codebooks, this codec has 1…{config.codes.codebooks}")
        self._fingerprint: tuple[tuple[int, ...], str] = ((), "")

    def at(self, *, window: int | None = None, codebooks: int | None = None) -> "ALMTokenizer":
        """The same codec at another rate; what is not given stays as it is.

        Raises:
            ParameterError: if it has no such window or codebooks.
        """
        view = ALMTokenizer(
            self.net,
            window=self.window if window is None else window,
            codebooks=self.codebooks if codebooks is None else codebooks,
        )
        view._fingerprint = self._fingerprint
        return view

    def fitting(self, spec: TokenSpec, what: str = "these tokens") -> "ALMTokenizer":
        """The view whose tokens have this spec.

        Raises:
            SpecError: if they are another codec's, or of a rate that this one does not have; names found and wanted.
        """
        mine = self.spec
        replace(mine, hop=spec.hop, codebooks=spec.codebooks).require(spec, what)
        window, rest = divmod(spec.hop, self.net.hop)
        if rest or window not in self.windows or not 1 <= spec.codebooks <= self.most_codebooks:
            frame, low, high = self.net.hop, self.windows[0], self.windows[-1]
            raise SpecError(
                f"{what} have hop {spec.hop} and {spec.codebooks} codebooks, wanted a hop of {low}…{high} "
                f"times {frame} and 1…{self.most_codebooks} codebooks; encode the audio again with this codec"
            )
        return self.at(window=window, codebooks=spec.codebooks)

    @property
    def windows(self) -> range:
        """How many frames a query may stand for."""
        low, high = self.net.config.windows
        return range(low, high + 1)

    @property
    def most_codebooks(self) -> int:
        """How many codebooks the net has."""
        return self.net.config.codes.codebooks

    @property
    def spec(self) -> TokenSpec:
        """What its tokens are."""
        codes = self.net.config.codes
        return TokenSpec(
            sample_rate=self.net.config.sample_rate,
            hop=self.window * self.net.hop,
            codebooks=self.codebooks,
            vocab=codes.vocab,
            tokenizer=self._named_by_weights(),
        )

    @torch.no_grad()
    def encode(self, audio: Audio) -> Tokens:
        """Codes of every item, ceil(samples / hop) frames.

        Raises:
            SpecError: if the audio is at another rate.
        """
        spec = self.spec
        if audio.sample_rate != spec.sample_rate:
            raise SpecError(
                f"audio is at {audio.sample_rate} Hz, this codec at {spec.sample_rate} Hz; "
                "resample it first (smalti.audio.resample)"
            )
        analysis = Analysis(self.net, self.window, batch=len(audio.lengths))
        pieces = audio.zero_padded().samples.split(_PIECE, dim=1)
        queries = torch.cat([*(analysis.push(piece) for piece in pieces), analysis.flush()], dim=1)
        codes = self.net.codes(queries, depth=self.codebooks).to(audio.lengths.device)
        inside = torch.arange(codes.shape[2], device=codes.device) < -(-audio.lengths // spec.hop)[:, None]
        return Tokens(torch.where(inside[:, None], codes, 0), spec, audio.lengths)

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Audio:
        """Sound of every item, exactly as many samples as went in.

        Raises:
            SpecError: if the tokens are another codec's, or of another view.
        """
        self.spec.require(tokens.spec)
        synthesis = Synthesis(self.net, self.window, batch=len(tokens.lengths))
        present = torch.arange(tokens.codes.shape[2], device=tokens.lengths.device) < tokens.frames[:, None]
        sound = torch.cat([synthesis.push(tokens.codes, present), synthesis.flush()], dim=1).to(tokens.lengths.device)
        longest = int(tokens.lengths.max()) if len(tokens.lengths) else 0
        return Audio(sound[:, :longest], tokens.spec.sample_rate, tokens.lengths).zero_padded()

    def encoder_stream(self) -> ALMEncoderStream:
        """Audio in, codes out; memory stays that of a block."""
        return ALMEncoderStream(self.net, window=self.window, codebooks=self.codebooks)

    def decoder_stream(self) -> ALMDecoderStream:
        """Codes in, audio out; memory stays that of a block."""
        return ALMDecoderStream(self.net, window=self.window)

    def fixed_steps(self) -> Mapping[str, FixedStep]:
        """Encoder and decoder as steps of one window, for export; see `smalti.nn.fixed_step`."""
        return fixed_steps(self.net, window=self.window, codebooks=self.codebooks)

    @property
    def parameter_count(self) -> int:
        """Numbers that were learnt, code vectors included."""
        books = [value for name, value in self.net.named_buffers() if name.endswith("vectors")]
        return sum(value.numel() for value in [*self.net.parameters(), *books])

    def _named_by_weights(self) -> str:
        """Hashed anew only if a tensor was written to since."""
        state = {name: value for name, value in self.net.state_dict().items() if _tells_codes(name)}
        written = tuple(part for value in state.values() for part in (value.data_ptr(), value._version))
        if self._fingerprint[0] != written:
            self._fingerprint = (written, fingerprint(state, f"almtokenizer {_settings(self.net)}"))
        return self._fingerprint[1]


def _tells_codes(name: str) -> bool:
    return name.startswith(("front.", "encoder.", "to_codes.", "quantizer."))


def _settings(net: QueryNet) -> str:
    config = net.config
    heard = {"ends": config.ends, "encoder": config.encoder, "codes": config.codes}
    return f"{config.sample_rate} " + " ".join(f"{name} {part.model_dump_json()}" for name, part in heard.items())
