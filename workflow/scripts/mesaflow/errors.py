"""The two kinds of errors that a user can mend."""


class InputError(ValueError):
    """An input that cannot be used: the message names the key or file, its value, what is allowed and the remedy."""


class StorageError(OSError):
    """A file that cannot be written, for want of room or permission: the message names the file and the remedy."""

    def __str__(self) -> str:
        return self.strerror


def first_line(error: Exception) -> str:
    """Return the first line of what another library's error says, or its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
