"""Orders have a VAT rate."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("vat", sa.Numeric(5, 2)), schema="shop")
