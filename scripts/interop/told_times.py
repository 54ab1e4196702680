"""Told times that the real classes take: told_times.py LIST, a JSON list of {class, T, steps, timesteps or null, times}. Prints the wrong ones."""
import json
import sys

import diffusers

with open(sys.argv[1]) as file:
    asked = json.load(file)
wrong, without = [], []
schedulers = {}
for one in asked:
    key = (one["class"], one["T"])
    if key not in schedulers:
        schedulers[key] = getattr(diffusers, one["class"])(num_train_timesteps=one["T"], timestep_spacing="trailing")
    scheduler = schedulers[key]
    scheduler.set_timesteps(one["steps"])
    if scheduler.timesteps.tolist() != one["times"]:
        without.append(one["steps"])
    if one["timesteps"] is not None:
        scheduler.set_timesteps(timesteps=one["timesteps"])
    if scheduler.timesteps.tolist() != one["times"]:
        wrong.append(one)
print(json.dumps({"asked": len(asked), "wrong": wrong[:3], "wrongWithoutList": len(without)}))
