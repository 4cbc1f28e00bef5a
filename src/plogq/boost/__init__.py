"""Losses for XGBoost, LightGBM and CatBoost: an objective and a metric from any P."""

from .catboost import CatBoost
from .tables import LightGBM, XGBoost

__all__ = ["CatBoost", "LightGBM", "XGBoost"]


def __dir__() -> list[str]:
    return list(__all__)
