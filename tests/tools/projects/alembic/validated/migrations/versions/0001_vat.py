"""Orders have a VAT rate."""

import sqlalchemy as sa
from alembic import op
from integratedb_companion.migrations import validate

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("vat", sa.Numeric(5, 2)), schema="shop")
    validate(op.get_bind())
