"""Stored objects: those whose data is on this backend's disk, and not loaded."""

import logging
import os
import re
from functools import wraps
from types import ModuleType
from typing import Any

from .._native import dataclay_stored_objects
from .counted import settle

# dataClay keeps each object in one file, whose name is the object's id.
_OBJECT_FILE = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Stored:
    """The ids of the stored objects, as integers, which take less memory than UUIDs.

    The count of dataClay starts at 0, even if there are files on disk. If an object returns from
    another backend, it counts the file twice that it left behind. Ids avoid both.
    """

    def __init__(self) -> None:
        self._ids: set[int] = set()

    def read(self, directory: str) -> None:
        """Adds the objects that an earlier run left in ``directory``."""
        try:
            with os.scandir(directory) as entries:
                names = [entry.name for entry in entries if _OBJECT_FILE.fullmatch(entry.name)]
        except OSError as error:
            logger = logging.getLogger("dataclay_metrics")
            logger.warning("dataclay_stored_objects starts at 0: %s", error)
            return
        self._ids.update(int(name.replace("-", ""), 16) for name in names)
        self._changed()

    def _changed(self) -> None:
        settle(dataclay_stored_objects, self._ids.__len__)

    def follow(self, data_manager: ModuleType) -> None:
        """Follows each load and unload in the module ``dataclay.data_manager``."""
        manager = data_manager.DataManager
        add, remove = manager.add_hard_reference, manager.remove_hard_reference

        # A loaded object has a hard reference, however it was loaded.
        @wraps(add)
        def add_hard_reference(self: Any, instance: Any) -> None:
            add(self, instance)
            ids.discard(instance._dc_meta.id.int)
            changed()

        # If it is local and not loaded, dataClay has just written it to disk. An object that moves
        # to another backend, or gets another id, is dropped while it is loaded.
        @wraps(remove)
        def remove_hard_reference(self: Any, instance: Any) -> None:
            remove(self, instance)
            if instance._dc_is_local and not instance._dc_is_loaded:
                ids.add(instance._dc_meta.id.int)
                changed()

        ids, changed = self._ids, self._changed
        manager.add_hard_reference = add_hard_reference
        manager.remove_hard_reference = remove_hard_reference

    def inc(self, amount: float = 1) -> None:
        """Does nothing: dataClay stored an object, whose hard reference was followed."""

    def dec(self, amount: float = 1) -> None:
        """Does nothing: dataClay loaded an object, whose hard reference was followed."""
