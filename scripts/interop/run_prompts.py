"""The text-to-image folder that printed code names, in StableDiffusionPipeline: run_prompts.py CODE NOISE OUT SCALE.

The code is run first, for its prompts and their order. OUT gets `x`, what the pipeline draws from NOISE. Prints which class it was.
"""
import json
import sys

from diffusers import DDIMScheduler, StableDiffusionPipeline
from safetensors.torch import load_file, save_file

code, noise, out, scale = sys.argv[1:]
names = {}
with open(code) as file:
    exec(compile(file.read(), code, "exec"), names)
start = load_file(noise)["start"]
pipeline = StableDiffusionPipeline.from_pretrained(names["run"], vae=None, safety_checker=None, feature_extractor=None)
# The pipeline makes another config of the scheduler that it loads: without clip_sample, with steps_offset 1.
pipeline.scheduler = DDIMScheduler.from_pretrained(f"{names['run']}/scheduler")
pipeline.set_progress_bar_config(disable=True)
prompts = [names["prompts"][row] for row in names["classes"]]
steps = len(names["scheduler"].timesteps)
images = pipeline(prompts, num_inference_steps=steps, guidance_scale=float(scale), latents=start, output_type="latent").images
save_file({"x": images.contiguous()}, out)
print(json.dumps({"class": f"{type(pipeline).__name__}, {type(pipeline.scheduler).__name__}"}))
