__version__ = "0.1.0"

__all__ = ["Catalog", "Lake", "MotorIngesta", "MotorIngestaError", "load_catalog"]

_HOMES = {
    "Catalog": "motor_ingesta.catalog.models",
    "Lake": "motor_ingesta.storage.lake",
    "MotorIngesta": "motor_ingesta.pipeline.runner",
    "MotorIngestaError": "motor_ingesta.errors",
    "load_catalog": "motor_ingesta.catalog.loading",
}


def __getattr__(name: str):
    "Load a public name when it is first used, so that importing the package is quick."
    if name not in _HOMES:
        raise AttributeError(f"module 'motor_ingesta' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
