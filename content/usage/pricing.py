"""What calls cost."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from .models import COST_PLACES, ModelPrice

MILLION = 1_000_000
SMALLEST_COST = Decimal(1).scaleb(-COST_PLACES)


class PriceList:
    """The prices of one moment."""

    def __init__(self, at: datetime) -> None:
        self._prices: Sequence[ModelPrice] = list(ModelPrice.objects.filter(valid_from__lte=at))

    def of(self, model: str) -> ModelPrice | None:
        """A model's price: of the longest name that fits, the latest; None where nobody has said one."""
        fitting = [price for price in self._prices if price.fits(model)]
        return max(
            fitting, key=lambda price: (not price.model.endswith("*"), len(price.model), price.valid_from), default=None
        )


def cost(price: ModelPrice, input_tokens: int, output_tokens: int) -> Decimal:
    """What so many tokens cost, in the site's currency."""
    exact: Decimal = (price.input_price * input_tokens + price.output_price * output_tokens) / MILLION
    return exact.quantize(SMALLEST_COST)
