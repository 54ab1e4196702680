"""pytorch-fid's distance between .npz files: score_statistics.py A B ... prints the distance of each file to the first."""
import json
import sys
import types

import numpy as np

# It is imported for reading images and for Inception, which no one is asked for here.
for name in ("torchvision", "torchvision.transforms"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]
from pytorch_fid.fid_score import calculate_frechet_distance

files = [np.load(name) for name in sys.argv[1:]]
first = files[0]
print(json.dumps([float(calculate_frechet_distance(file["mu"], file["sigma"], first["mu"], first["sigma"])) for file in files]))
