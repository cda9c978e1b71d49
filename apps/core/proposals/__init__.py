"""The closed loop: propose, approve, apply, measure, keep or roll back.

`kinds` is the registry a higher app fills in `ready()`; `services` are the verbs of people and
detectors; `execution` is what the worker does; `machine` and `verdict` are pure.
"""
