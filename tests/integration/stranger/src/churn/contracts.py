from __future__ import annotations

import pandera.pandas as pa

CUSTOMERS = pa.DataFrameSchema(
    {"plan": pa.Column(str, pa.Check.isin(["basic", "plus"])), "visits": pa.Column("int64", pa.Check.ge(0))},
    index=pa.Index(int, name="customer"),
    name="customers",
)
