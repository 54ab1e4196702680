"""Token ids of awkward prompts by transformers, for the tests of `src/text`.

    python tokenizerVectors.py FOLDER

Writes the recipe's tokenizer into FOLDER and, for each way of padding and cutting, its ids into FOLDER/prompts.json.
"""

import json
import sys
from pathlib import Path

from transformers import CLIPTokenizer

from words import make_tokenizer

PROMPTS = [
    "",
    " ",
    "a red three on blue",
    "  A  RED\tThree\r\n on   BLUE ",
    "blue background, red digit three",
    "blue background , red digit three",
    "the number 3,red on blue!",
    "three3three 1234567890",
    "\u00bd \u2167 \u0663 x\u00b2",
    "cafe\u0301 CAF\u00c9 caf\u00e9",
    "\u03a3\u0391\u03a3 \u039f\u0394\u039f\u03a3",
    "\u0130stanbul \u1e9e stra\u00dfe \u01c4",
    "\u212bngstro\u0308m \ufb01ne",
    "\U0001f3a8\U0001f58c\ufe0f red \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "three\u00a0on\u2003blue\u3000red",
    "\u0085three\u2028on",
    "\ufeffthree on\ufeffblue",
    "three\u200bon \u00ad blue",
    "it's we've they'll I'm don't you're he'd rock'n'roll",
    "IT'S WE'VE",
    "<|endoftext|> red",
    "a<|startoftext|>three <|endoftext|>on",
    "<|ENDOFTEXT|> red",
    "<|endoftext",
    "!!!...??? --- ,,",
    "wow! a three!",
    "a_b-c/d\\e (f) [g] {h} \"i\" #j @k $l 100% ~^`",
    "\u8d64\u3044\u4e09 \u0442\u0440\u0438 \u05e9\u05dc\u05d5\u05e9 \u0e2a\u0e32\u0e21 \u0928\u094d\u0924",
    "bell\u0007 and nul\u0001 on",
    "zerozero redblue onon",
    "a red three on blue a green four on white a cyan five on black",
    "a red three on blue a green four on white a cyan five on blackness",
    "three " * 40,
    "x" * 300,
]


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    make_tokenizer(folder)
    ways = [{}, {"pad_token": "!", "model_max_length": 9}]
    found = []
    for way in ways:
        tokenizer = CLIPTokenizer.from_pretrained(folder, **way)
        taken = tokenizer(PROMPTS, padding="max_length", truncation=True)
        found.append({"config": way, "ids": taken.input_ids, "mask": taken.attention_mask})
    text = json.dumps({"prompts": PROMPTS, "ways": found}, separators=(",", ":"))
    (folder / "prompts.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
