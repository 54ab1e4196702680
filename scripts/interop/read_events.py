"""What TensorBoard's own reader finds in a run folder: read_events.py RUN prints {tag: [[step, value], ...]}, values that are none in words."""
import json
import math
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
print(json.dumps({tag: [[event.step, event.value if math.isfinite(event.value) else str(event.value)] for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))
