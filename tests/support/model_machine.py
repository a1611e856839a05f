"""
The state machine: random calls on a mount without FUSE, crashes, trouble and other clients.

`reference` says what is shown after each step, and what may be left of it by a crash.
"""

from model_calls import Calls
from model_comparing import Comparing
from model_files import FileRules
from model_lives import Lives
from model_names import NameRules
from model_others import OtherClients
from model_trouble import Trouble


class Model(FileRules, NameRules, OtherClients, Trouble, Lives, Comparing, Calls):
    """A mount beside its reference."""
