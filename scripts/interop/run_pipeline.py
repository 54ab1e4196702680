"""A run's model in diffusers' own pipelines with the learned schedule in place: run_pipeline.py RUN SCHEDULE STEPS NOISE OUT.

By the class of `scheduler_config.json`, where it needs no list of times, and by `bilevel_scheduler.py`, where there is one. OUT gets images of each; prints what was made of what.
"""
import json
import os
import sys

import diffusers
from safetensors.torch import load_file, save_file

run, schedule, steps, noise, out = sys.argv[1:]
given = load_file(noise)
drawn = iter(())


def next_noise(shape, **_):
    z = next(drawn)
    assert tuple(shape) == tuple(z.shape), (shape, z.shape)
    return z.clone()


def hand_noise():
    """Each module that draws has the function under a name of its own, pipelines and schedulers alike."""
    for module in list(sys.modules.values()):
        if "randn_tensor" in vars(module):
            module.randn_tensor = next_noise


folder = f"{run}/model/schedules/{schedule}"
made, images = [], {}


def draw(pipeline, scheduler):
    global drawn
    drawn = iter([given["start"], *given["steps"]])
    pipeline.scheduler = scheduler
    pipeline.set_progress_bar_config(disable=True)
    hand_noise()
    name = f"{type(pipeline).__name__}, {type(scheduler).__name__}"
    images[name] = pipeline(batch_size=len(given["start"]), num_inference_steps=int(steps), output_type="pt").images.contiguous()
    made.append({"pipeline": type(pipeline).__name__, "scheduler": type(pipeline.scheduler).__name__, "steps": len(pipeline.scheduler.timesteps)})


pipeline = diffusers.DiffusionPipeline.from_pretrained(f"{run}/model")
if os.path.exists(f"{folder}/scheduler_config.json"):
    with open(f"{folder}/scheduler_config.json") as file:
        config = json.load(file)
    # A pipeline asks for a number of steps, and takes no list of times.
    if config.get("_timesteps") is None:
        draw(pipeline, getattr(diffusers, config["_class_name"]).from_pretrained(folder))
if os.path.exists(f"{folder}/bilevel"):
    sys.path.insert(0, f"{folder}/bilevel")
    from bilevel_scheduler import BilevelScheduler

    own = BilevelScheduler.from_pretrained(f"{folder}/bilevel")
    draw(pipeline, own)
    draw(diffusers.DDIMPipeline(unet=pipeline.unet, scheduler=diffusers.DDIMScheduler()), own)
    # Saved with its scheduler, and read again with the file that lies beside the config.
    pipeline.scheduler = own
    pipeline.save_pretrained(f"{out}.saved")
    draw(diffusers.DiffusionPipeline.from_pretrained(f"{out}.saved", trust_remote_code=True), BilevelScheduler.from_pretrained(f"{out}.saved/scheduler"))
    again = diffusers.DiffusionPipeline.from_pretrained(f"{out}.saved", trust_remote_code=True)
    assert type(again.scheduler).__name__ == "BilevelScheduler" and dict(again.scheduler.config)["levels"] == dict(own.config)["levels"]
save_file(images, out)
print(json.dumps({"class": type(pipeline).__name__, "made": made}))
