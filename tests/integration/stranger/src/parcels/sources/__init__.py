from .warehouse import parcels
from .service import carriers

__all__ = ["carriers", "parcels"]
