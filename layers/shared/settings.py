"""A function's configuration: one struct, read from the environment at initialization."""

from collections.abc import Mapping

import msgspec


class SettingsError(Exception):
    """The environment lacks a variable, or one is unusable."""


def load_settings[T: msgspec.Struct](type_: type[T], environment: Mapping[str, str]) -> T:
    """Fill `type_` from the environment variables that are named like its fields, in capitals.

    Raises:
        SettingsError: names every variable that is missing or empty, or the one that is unusable.
    """
    names = {field.name: field.name.upper() for field in msgspec.structs.fields(type_)}
    missing = [name for name in names.values() if not environment.get(name)]
    if missing:
        raise SettingsError(
            f"{', '.join(missing)} not set: declare it under Environment of this function in"
            " template.yaml"
        )
    values = {field: environment[name] for field, name in names.items()}
    try:
        return msgspec.convert(values, type_, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"environment variable of {type_.__module__}: {error}") from error
