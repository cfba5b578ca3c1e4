"""Records that learners share by their address."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "shared_record",
        sa.Column("id", sa.String(22), nullable=False),
        sa.Column("learner_id", sa.String(32), nullable=False),
        sa.Column("lab", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("head", postgresql.JSONB(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(document) <= 1048576", name="ck_shared_record_document"),
        sa.ForeignKeyConstraint(
            ["learner_id"],
            ["learner.id"],
            name="fk_shared_record_learner_id_learner",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_shared_record"),
        sa.UniqueConstraint("learner_id", "digest", name="uq_shared_record_learner_id_digest"),
    )


def downgrade() -> None:
    """Drop the table: the addresses that were handed out lead nowhere then."""
    op.drop_table("shared_record")
