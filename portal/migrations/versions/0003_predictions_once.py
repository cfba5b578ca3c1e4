"""A form makes one prediction, and one of each name waits for its measurement."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
WAITING = "uq_prediction_waiting"


def upgrade() -> None:
    """Delete what waits though a newer prediction was made: it would never be measured."""
    op.execute(
        "DELETE FROM prediction older USING prediction newer WHERE older.measured_at IS NULL AND "
        "newer.learner_id = older.learner_id AND newer.lab = older.lab AND newer.name = older.name "
        "AND newer.id > older.id"
    )
    op.add_column("prediction", sa.Column("key", sa.String(64)))
    op.create_unique_constraint("uq_prediction_key", "prediction", ["learner_id", "key"])
    op.create_index(
        WAITING,
        "prediction",
        ["learner_id", "lab", "name"],
        unique=True,
        postgresql_where=sa.text("measured_at IS NULL"),
    )


def downgrade() -> None:
    """Let several wait again."""
    op.drop_index(WAITING, "prediction")
    op.drop_constraint("uq_prediction_key", "prediction")
    op.drop_column("prediction", "key")
