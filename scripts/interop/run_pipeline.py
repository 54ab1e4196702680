"""A run's model in diffusers' own pipeline with the learned schedule in place: run_pipeline.py RUN SCHEDULE STEPS NOISE OUT."""
import json
import sys

import diffusers
from diffusers.pipelines.ddpm import pipeline_ddpm
from safetensors.torch import load_file, save_file

run, schedule, steps, noise, out = sys.argv[1:]
start = load_file(noise)["start"]
pipeline_ddpm.randn_tensor = lambda *_, **__: start.clone()
pipeline = diffusers.DiffusionPipeline.from_pretrained(f"{run}/model")
folder = f"{run}/model/schedules/{schedule}"
with open(f"{folder}/scheduler_config.json") as file:
    name = json.load(file)["_class_name"]
pipeline.scheduler = getattr(diffusers, name).from_pretrained(folder)
pipeline.set_progress_bar_config(disable=True)
images = pipeline(batch_size=len(start), num_inference_steps=int(steps), output_type="pt").images
save_file({"x": images.contiguous()}, out)
print(json.dumps({"class": type(pipeline).__name__, "scheduler": type(pipeline.scheduler).__name__, "steps": len(pipeline.scheduler.timesteps)}))
