"""Captioned coloured digits: the data of the text-to-image model.

An image is a handwritten digit of MNIST, 28x28 averaged to 14x14 on a field of 16x16, drawn in one of eight inks on a ground of another
colour, [3, 16, 16] in [-1, 1]. A caption says the digit and often both colours; what it does not say is drawn at random.
"""

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from torch.nn import functional

SIZE = 16

COLOURS = {
    "black": (0.0, 0.0, 0.0),
    "white": (1.0, 1.0, 1.0),
    "red": (0.9, 0.1, 0.1),
    "green": (0.1, 0.7, 0.15),
    "blue": (0.15, 0.25, 0.9),
    "yellow": (0.95, 0.85, 0.1),
    "cyan": (0.1, 0.8, 0.85),
    "magenta": (0.85, 0.15, 0.8),
}
COLOUR_NAMES = list(COLOURS)
DIGIT_NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

# The first five say everything, the others leave something open.
FORMS = [
    "a {ink} {digit} on {ground}",
    "{digit} in {ink} on {ground}",
    "{ground} background, {ink} digit {digit}",
    "the number {digit}, {ink} on {ground}",
    "a {ink} {figure} on {ground}",
    "a {ink} {digit}",
    "{digit} on {ground}",
    "a {digit}",
    "{figure}",
    "something {ink} on {ground}",
]
FULL_FORMS = 5


@dataclass
class Drawn:
    """A batch: images [n, 3, 16, 16] in [-1, 1] and what is on them, [n] each."""

    images: torch.Tensor
    digit: torch.Tensor
    ink: torch.Tensor
    ground: torch.Tensor


def caption(digit: int, ink: int, ground: int, form: int) -> str:
    return FORMS[form].format(
        digit=DIGIT_NAMES[digit], figure=str(digit), ink=COLOUR_NAMES[ink], ground=COLOUR_NAMES[ground]
    )


def says(form: int) -> tuple[bool, bool, bool]:
    """Whether a form says the digit, the ink, the ground."""
    text = FORMS[form]
    return ("{digit}" in text or "{figure}" in text, "{ink}" in text, "{ground}" in text)


def every_caption() -> list[str]:
    """All captions there are, the empty one first, without repetition, in a fixed order."""
    texts = [
        caption(digit, ink, ground, form)
        for form in range(len(FORMS))
        for digit in range(10)
        for ink in range(8)
        for ground in range(8)
        if ink != ground
    ]
    return list(dict.fromkeys(["", *texts]))


def read_idx(folder: Path, part: str, kind: str) -> numpy.ndarray:
    """An IDX file of MNIST (unsigned bytes), packed by gzip or not."""
    path = next(path for path in sorted(folder.iterdir()) if path.name.startswith(part) and kind in path.name)
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    dimensions = data[3]
    shape = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * dimensions).reshape(shape)


class Digits:
    """Digits of one part of MNIST ("train" or "t10k") as masks [n, 1, 16, 16] in [0, 1]."""

    def __init__(self, folder: str, part: str):
        pixels = read_idx(Path(folder), part, "images").astype(numpy.float32) / 255
        self.masks = functional.pad(functional.avg_pool2d(torch.tensor(pixels)[:, None], 2), (1, 1, 1, 1))
        self.labels = torch.tensor(read_idx(Path(folder), part, "labels").astype(numpy.int64))
        self.palette = torch.tensor(list(COLOURS.values()))

    def draw(self, count: int, random: torch.Generator) -> Drawn:
        index = torch.randint(len(self.masks), (count,), generator=random)
        ink = torch.randint(8, (count,), generator=random)
        ground = (ink + torch.randint(1, 8, (count,), generator=random)) % 8
        mask = self.masks[index]
        images = mask * self.palette[ink][:, :, None, None] + (1 - mask) * self.palette[ground][:, :, None, None]
        return Drawn(images * 2 - 1, self.labels[index], ink, ground)


def captions_of(drawn: Drawn, forms: torch.Tensor) -> list[str]:
    columns = zip(drawn.digit.tolist(), drawn.ink.tolist(), drawn.ground.tolist(), forms.tolist())
    return [caption(*row) for row in columns]


def fits(drawn: Drawn, forms: torch.Tensor) -> torch.Tensor:
    """[i, j]: is caption j (of image j, by its form) true of image i?"""
    said = torch.tensor([says(form) for form in forms.tolist()])
    true = torch.ones(len(forms), len(forms), dtype=torch.bool)
    for column, values in enumerate((drawn.digit, drawn.ink, drawn.ground)):
        true &= (values[:, None] == values[None]) | ~said[None, :, column]
    return true
