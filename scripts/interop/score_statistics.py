"""pytorch-fid's distance between .npz files: score_statistics.py A B ... prints the distance of each file to the first."""
import json
import sys
import types

import numpy as np

# The module imports torchvision, to read images, and the Inception network: neither has a part in the distance of given statistics.
for name in ("torchvision", "torchvision.transforms", "pytorch_fid.inception"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]
sys.modules["pytorch_fid.inception"].InceptionV3 = types.SimpleNamespace(BLOCK_INDEX_BY_DIM={})
from pytorch_fid.fid_score import calculate_frechet_distance

files = [np.load(name) for name in sys.argv[1:]]
first = files[0]
print(json.dumps([float(calculate_frechet_distance(file["mu"], file["sigma"], first["mu"], first["sigma"])) for file in files]))
