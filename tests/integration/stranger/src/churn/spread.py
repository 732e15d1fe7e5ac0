from __future__ import annotations

from sklearn.base import BaseEstimator, TransformerMixin


class Spread(TransformerMixin, BaseEstimator):
    """Numbers from 0 to 1 over the range that was seen."""

    def fit(self, X, y=None):
        self.low_, self.high_ = X.min(axis=0).to_numpy(), X.max(axis=0).to_numpy()
        return self

    def transform(self, X):
        return (X.to_numpy() - self.low_) / (self.high_ - self.low_)
