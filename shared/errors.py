"""Every error Lapwing raises for a person to read: what happened, and what to do next."""


class LapwingError(Exception):
    """Base of all. The message is a sentence with the value seen, the value allowed and the next step."""


class SettingsError(LapwingError, ValueError):
    """A setting is unknown, out of range or of the wrong kind."""


class TrackError(LapwingError, ValueError):
    """A track cannot be found, read or driven."""


class ActionError(LapwingError, ValueError):
    """A policy output or an action space is malformed or not finite."""


class MetadataError(LapwingError, ValueError):
    """model_metadata.json contradicts itself or lacks what it needs."""


class ArchiveError(LapwingError, ValueError):
    """A model archive is truncated, altered, oversized or hostile."""


class RewardError(LapwingError, ValueError):
    """A reward function is missing, raises, or returns something that is not a reward."""


class RunError(LapwingError, ValueError):
    """A run, checkpoint or garage car is missing, taken or does not fit."""


class SimulationError(LapwingError, ValueError):
    """The simulator was asked for something it cannot simulate."""


class LinkError(LapwingError, OSError):
    """Two of our processes cannot reach or understand each other."""


class HardwareError(LapwingError, OSError):
    """A device is absent, refuses access or gave nonsense."""


class StorageError(LapwingError, OSError):
    """A file could not be written whole: disk full, read-only, gone."""


class ObservationError(LapwingError, ValueError):
    """A picture or a scan has another shape or type than the model's input."""


class CalibrationError(LapwingError, ValueError):
    """A calibration profile contradicts itself, is damaged, or was asked for a pulse of NaN."""
