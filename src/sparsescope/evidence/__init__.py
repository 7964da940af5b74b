"""Evidence: what to believe of a result, gathered by asking the solver again; knows no file format and no screen."""

from .cache import Cache as Cache
from .gather import Cost as Cost
from .gather import gather as gather
from .model import Evidence as Evidence
