"""Runs the settings of schedulers.json and schedulerRuns.json again: rerun_gold.py GOLD_FOLDER. Prints how far the real classes are from what is kept of them."""
import contextlib
import io
import json
import pathlib
import runpy
import sys

import torch

folder = pathlib.Path(sys.argv[1])
printed = io.StringIO()
with contextlib.redirect_stdout(printed):
    names = runpy.run_path(str(folder / "schedulerRuns.py"))
again = {case["name"]: case for case in json.loads(printed.getvalue())["cases"]}


def load(name):
    return json.loads((folder / name).read_text(), parse_constant=float)


def apart(one, other):
    """Largest difference of told times and states, of numbers above 1 the relative one."""
    if len(one["timesteps"]) != len(other["timesteps"]) or len(one["states"]) != len(other["states"]):
        return float("inf")
    pairs = [*zip(one["timesteps"], other["timesteps"])]
    for kept, now in zip(one["states"], other["states"]):
        pairs += [*zip(kept, now)]
    a, b = torch.tensor(pairs, dtype=torch.float64).unbind(1)
    return float(((a - b).abs() / a.abs().clamp(min=1)).max())


largest, classes, runs = 0.0, set(), 0
for name, fresh in (("schedulerRuns.json", again), ("schedulers.json", {})):
    for case in load(name)["cases"]:
        # Runs that end early, a class that is refused, and runs whose noise was another one: schedulerRuns.json has them again.
        if "raises" in case or any(None in state for state in case["states"]):
            continue
        if name == "schedulers.json" and case["name"] in ("ddpm-leading-5", "euler-a-leading-5", "lcm"):
            continue
        now = fresh.get(case["name"])
        if now is None:
            now = names["run"](case["name"], case["scheduler"], case["config"], case["steps"], **case.get("set_timesteps", {}))
        difference = apart(case, now)
        # NaN is no small difference.
        if not difference <= largest:
            largest = difference
            print(case["name"], difference, file=sys.stderr)
        classes.add(case["scheduler"])
        runs += 1
print(json.dumps({"largest": largest, "runs": runs, "classes": sorted(classes)}))
