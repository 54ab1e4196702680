"""Networks as ONNX files by torch's exporter, as Optimum lays them out, without the notes that the exporter leaves on every node."""

import warnings
from pathlib import Path

import numpy
import onnx
import onnxruntime
import torch
from torch import nn

from digits import DIGIT_NAMES, GROUNDS, INKS
from networks import PARTS, Judge

# Logits are multiplied by it before they become shares.
SURE = 10.0


class Call(nn.Module):
    """A network with what is to be called of it."""

    def __init__(self, network: nn.Module, call):
        super().__init__()
        self.network, self.call = network, call

    def forward(self, *taken):
        return self.call(self.network, *taken)


def denoise(unet, sample, timestep, encoder_hidden_states):
    return unet(sample, timestep, encoder_hidden_states, return_dict=False)[0]


def encode_text(encoder, input_ids):
    return encoder(input_ids=input_ids).last_hidden_state


def image_embeds(clip, pixel_values):
    return clip.visual_projection(clip.vision_model(pixel_values=pixel_values).pooler_output)


def text_embeds(clip, input_ids):
    return clip.text_projection(clip.text_model(input_ids=input_ids).pooler_output)


def read_parts(judge: Judge, pixel_values):
    """What the judge sees as a vector [n, 18]: of digit, ink and ground a 1 at what it is, but for doubt."""
    return torch.cat([(SURE * part).softmax(1) for part in judge(pixel_values).split(PARTS, 1)], 1)


class Dictionary(nn.Module):
    """The judge's text tower: what a caption says, [n, 18], of digit, ink and ground a 1 at what it names. The cosine with `read_parts` is then the share of
    what a whole caption says that is in the image."""

    def __init__(self, tokenizer):
        super().__init__()
        names = [DIGIT_NAMES, list(INKS), list(GROUNDS)]
        words = [word for part in names for word in part]
        table = torch.zeros(len(tokenizer), len(words))
        for column, word in enumerate(words):
            table[tokenizer.convert_tokens_to_ids(f"{word}</w>"), column] = 1
        for figure in range(10):
            table[tokenizer.convert_tokens_to_ids(f"{figure}</w>"), figure] = 1
        assert table[tokenizer.unk_token_id].sum() == 0 and table.sum() == len(words) + 10
        self.register_buffer("table", table)

    def forward(self, input_ids):
        return self.table[input_ids].amax(1)


def export(network: nn.Module, call, taken: dict, given: str, path: Path) -> float:
    """Writes the file, every first axis open, and gives its largest difference to torch."""
    warnings.filterwarnings("ignore")
    path.parent.mkdir(parents=True, exist_ok=True)
    module = Call(network, call).eval().requires_grad_(False)
    program = torch.onnx.export(
        module,
        tuple(taken.values()),
        input_names=list(taken),
        output_names=[given],
        dynamo=True,
        external_data=False,
        verbose=False,
        dynamic_shapes=(tuple({0: torch.export.Dim.DYNAMIC} for _ in taken),),
    )
    proto = program.model_proto
    del proto.graph.value_info[:]
    for node in proto.graph.node:
        del node.metadata_props[:]
    onnx.save(proto, path)
    session = onnxruntime.InferenceSession(path)
    found = session.run(None, {name: value.numpy() for name, value in taken.items()})[0]
    return float(numpy.abs(found - module(*taken.values()).numpy()).max())
