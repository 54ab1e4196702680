"""Captioned coloured digits: the data of the text-to-image model.

An image is a handwritten digit of MNIST, 28x28 averaged to 14x14 on a field of 16x16, drawn in one of four light inks on one of four dark
grounds, [3, 16, 16] in [-1, 1]. A caption says the digit and often both colours; what it does not say is drawn at random.
"""

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from torch.nn import functional

SIZE = 16

# In every channel an ink is at least as light as a ground: a digit is then the same difference of shades whatever its colours are.
INKS = {
    "white": (1.0, 1.0, 1.0),
    "yellow": (1.0, 0.95, 0.35),
    "cyan": (0.35, 1.0, 1.0),
    "red": (1.0, 0.35, 0.35),
}
GROUNDS = {
    "black": (0.0, 0.0, 0.0),
    "blue": (0.0, 0.05, 0.35),
    "green": (0.0, 0.3, 0.05),
    "purple": (0.3, 0.0, 0.35),
}
INK_NAMES, GROUND_NAMES = list(INKS), list(GROUNDS)
DIGIT_NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

# The first four say everything, the others leave something open.
FORMS = [
    "a {ink} {digit} on {ground}",
    "{digit} in {ink} on {ground}",
    "the number {digit}, {ink} on {ground}",
    "a {ink} {figure} on {ground}",
    "a {ink} {digit}",
    "a {digit}",
    "something {ink} on {ground}",
]
FULL_FORMS = 4


@dataclass
class Drawn:
    """A batch: images [n, 3, 16, 16] in [-1, 1] and what is on them, [n] each."""

    images: torch.Tensor
    digit: torch.Tensor
    ink: torch.Tensor
    ground: torch.Tensor


def caption(digit: int, ink: int, ground: int, form: int) -> str:
    return FORMS[form].format(
        digit=DIGIT_NAMES[digit], figure=str(digit), ink=INK_NAMES[ink], ground=GROUND_NAMES[ground]
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
        for ink in range(len(INKS))
        for ground in range(len(GROUNDS))
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
        self.inks, self.grounds = torch.tensor(list(INKS.values())), torch.tensor(list(GROUNDS.values()))

    def draw(self, count: int, random: torch.Generator) -> Drawn:
        index = torch.randint(len(self.masks), (count,), generator=random)
        ink = torch.randint(len(INKS), (count,), generator=random)
        ground = torch.randint(len(GROUNDS), (count,), generator=random)
        mask = self.masks[index]
        images = mask * self.inks[ink][:, :, None, None] + (1 - mask) * self.grounds[ground][:, :, None, None]
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
