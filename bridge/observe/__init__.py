"""What the operator sees: structured logs without secrets or phone numbers, and Prometheus metrics."""

from bridge.observe.logs import configure_logging
from bridge.observe.masking import mask_text
from bridge.observe.metrics import Metrics, Stage

__all__ = ["Metrics", "Stage", "configure_logging", "mask_text"]
