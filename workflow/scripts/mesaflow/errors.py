"""The one kind of error that a user can mend."""


class InputError(ValueError):
    """An input that cannot be used: the message names the key or file, its value, what is allowed and the remedy."""
