"""An email is an email address."""

import sqlalchemy as sa
from alembic import op
from integratedb_companion.migrations import validate

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("orders", sa.Column("channel", sa.Text()), schema="shop")
    op.alter_column("customers", "email", new_column_name="email_address", schema="shop")
    validate(op.get_bind())
