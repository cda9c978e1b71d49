"""What a rule would have done: its condition and the state machine, run over the past."""

from apps.alerts.preview.grid import Grid
from apps.alerts.preview.past import PastSource
from apps.alerts.preview.play import Firing, Frame, observe, play

__all__ = ["Firing", "Frame", "Grid", "PastSource", "observe", "play"]
