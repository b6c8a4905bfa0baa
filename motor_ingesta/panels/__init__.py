from typing import Any

__all__ = [
    "analisis",
    "datos_propios",
    "files_generation",
    "messages_generation",
    "motor_de_ingesta",
]


def __getattr__(name: str) -> Any:
    "The panels, loaded when they are first used."
    if name not in __all__:
        raise AttributeError(f"module 'motor_ingesta.panels' has no attribute {name!r}")
    from . import notebooks

    return getattr(notebooks, name)
