"""The first schema: boxes, devices, their logs, intervals, incidents, the feed, evidence."""

import sqlalchemy as sa
from alembic import op

from controller.db.columns import Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_OPEN = "state NOT IN ('CLOSED', 'REJECTED', 'MERGED', 'CANCELLED')"


def upgrade() -> None:
    op.create_table('anomaly',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('box_id', sa.String(length=40), nullable=True),
    sa.Column('at', Moment(), nullable=False),
    sa.Column('first_at', Moment(), nullable=False),
    sa.Column('refusal', sa.String(length=20), nullable=False),
    sa.Column('what', sa.String(length=200), nullable=False),
    sa.Column('count', sa.BigInteger(), server_default='1', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_anomaly'))
    )
    op.create_index('ix_anomaly_box_id_refusal', 'anomaly', ['box_id', 'refusal'], unique=False)
    op.create_table('box',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('title', sa.String(length=200), server_default='', nullable=False),
    sa.Column('civil_code', sa.String(length=15), nullable=False),
    sa.Column('town_code', sa.String(length=15), nullable=True),
    sa.Column('mac_key', sa.LargeBinary(), nullable=False),
    sa.Column('revoked', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('session', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('log_epoch', sa.String(length=16), nullable=True),
    sa.Column('reported_status', sa.String(length=20), nullable=True),
    sa.Column('reported_at', Moment(), nullable=True),
    sa.Column('last_seen_at', Moment(), nullable=True),
    sa.Column('online', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('verdict', sa.String(length=16), server_default='unknown', nullable=False),
    sa.Column('verdict_reason', sa.String(length=40), server_default='starting', nullable=False),
    sa.Column('verdict_since', Moment(), nullable=True),
    sa.Column('changed_at', Moment(), nullable=True),
    sa.Column('dark_from', Moment(), nullable=True),
    sa.Column('dark_to', Moment(), nullable=True),
    sa.Column('dark_known_to', Moment(), nullable=True),
    sa.Column('dark_watch_from', Moment(), nullable=True),
    sa.Column('dark_epoch', sa.String(length=16), nullable=True),
    sa.Column('dark_target', sa.BigInteger(), nullable=True),
    sa.Column('boot_reason', sa.String(length=40), nullable=True),
    sa.Column('software', sa.String(length=60), server_default='', nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_box'))
    )
    op.create_index(op.f('ix_box_civil_code'), 'box', ['civil_code'], unique=False)
    op.create_table('case_number',
    sa.Column('day', sa.String(length=8), nullable=False),
    sa.Column('last', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('day', name=op.f('pk_case_number'))
    )
    op.create_table('feed',
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('type', sa.String(length=60), nullable=False),
    sa.Column('time', Moment(), nullable=False),
    sa.Column('incident_id', sa.String(length=26), nullable=True),
    sa.Column('device_id', sa.String(length=40), nullable=True),
    sa.Column('box_id', sa.String(length=40), nullable=True),
    sa.Column('category', sa.String(length=4), nullable=True),
    sa.Column('civil_code', sa.String(length=15), server_default='', nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('position', name=op.f('pk_feed')),
    sa.UniqueConstraint('id', name=op.f('uq_feed_id'))
    )
    op.create_index(op.f('ix_feed_incident_id'), 'feed', ['incident_id'], unique=False)
    op.create_table('feed_head',
    sa.Column('id', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_feed_head'))
    )
    op.create_table('interval',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('subject_kind', sa.String(length=8), nullable=False),
    sa.Column('subject_id', sa.String(length=40), nullable=False),
    sa.Column('from_at', Moment(), nullable=False),
    sa.Column('to_at', Moment(), nullable=True),
    sa.Column('verdict', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.String(length=40), nullable=False),
    sa.Column('exempt', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('cause', sa.String(length=16), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_interval'))
    )
    op.create_index('ix_interval_subject', 'interval', ['subject_kind', 'subject_id', 'from_at'], unique=False)
    op.create_index('uq_interval_open', 'interval', ['subject_kind', 'subject_id'], unique=True, sqlite_where=sa.text('to_at IS NULL'), postgresql_where=sa.text('to_at IS NULL'))
    op.create_table('device',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('box_id', sa.String(length=40), nullable=False),
    sa.Column('device_class', sa.String(length=24), nullable=True),
    sa.Column('title', sa.String(length=200), server_default='', nullable=False),
    sa.Column('gb_code', sa.String(length=20), nullable=True),
    sa.Column('vendor', sa.String(length=200), server_default='', nullable=False),
    sa.Column('model', sa.String(length=200), server_default='', nullable=False),
    sa.Column('firmware', sa.String(length=200), server_default='', nullable=False),
    sa.Column('serial', sa.String(length=200), server_default='', nullable=False),
    sa.Column('mac_address', sa.String(length=17), nullable=True),
    sa.Column('profiles', sa.JSON(), server_default='[]', nullable=False),
    sa.Column('rung', sa.String(length=20), nullable=True),
    sa.Column('reason', sa.String(length=40), nullable=True),
    sa.Column('detail', sa.String(length=200), server_default='', nullable=False),
    sa.Column('clock_error_ms', sa.BigInteger(), nullable=True),
    sa.Column('verdict', sa.String(length=16), server_default='unknown', nullable=False),
    sa.Column('verdict_reason', sa.String(length=40), server_default='starting', nullable=False),
    sa.Column('verdict_since', Moment(), nullable=True),
    sa.Column('changed_at', Moment(), nullable=True),
    sa.Column('last_evidence', sa.String(length=64), nullable=True),
    sa.Column('last_entry_time', Moment(), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('created_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['box_id'], ['box.id'], name=op.f('fk_device_box_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_device'))
    )
    op.create_index(op.f('ix_device_box_id'), 'device', ['box_id'], unique=False)
    op.create_index(op.f('ix_device_gb_code'), 'device', ['gb_code'], unique=False)
    op.create_index('ix_device_verdict', 'device', ['verdict'], unique=False)
    op.create_table('entry',
    sa.Column('box_id', sa.String(length=40), nullable=False),
    sa.Column('epoch', sa.String(length=16), nullable=False),
    sa.Column('sequence', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('type', sa.String(length=80), nullable=False),
    sa.Column('subject', sa.String(length=40), nullable=True),
    sa.Column('time', Moment(), nullable=False),
    sa.Column('recorded_at', Moment(), nullable=False),
    sa.Column('received_at', Moment(), nullable=False),
    sa.Column('body_hash', sa.String(length=64), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['box_id'], ['box.id'], name=op.f('fk_entry_box_id')),
    sa.PrimaryKeyConstraint('box_id', 'epoch', 'sequence', name=op.f('pk_entry'))
    )
    op.create_index('ix_entry_gap', 'entry', ['box_id', 'epoch'], unique=False, sqlite_where=sa.text("type = 'outpost.gap.v1'"), postgresql_where=sa.text("type = 'outpost.gap.v1'"))
    op.create_table('evidence',
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('box_id', sa.String(length=40), nullable=False),
    sa.Column('device_id', sa.String(length=40), nullable=True),
    sa.Column('taken_at', Moment(), nullable=True),
    sa.Column('received_at', Moment(), nullable=False),
    sa.Column('bytes', sa.Integer(), nullable=False),
    sa.Column('media_type', sa.String(length=40), nullable=False),
    sa.Column('purpose', sa.String(length=40), server_default='', nullable=False),
    sa.Column('expires_at', Moment(), nullable=True),
    sa.ForeignKeyConstraint(['box_id'], ['box.id'], name=op.f('fk_evidence_box_id')),
    sa.PrimaryKeyConstraint('sha256', name=op.f('pk_evidence'))
    )
    op.create_index(op.f('ix_evidence_expires_at'), 'evidence', ['expires_at'], unique=False)
    op.create_table('position',
    sa.Column('box_id', sa.String(length=40), nullable=False),
    sa.Column('epoch', sa.String(length=16), nullable=False),
    sa.Column('upto', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('highest', sa.BigInteger(), server_default='0', nullable=False),
    sa.ForeignKeyConstraint(['box_id'], ['box.id'], name=op.f('fk_position_box_id')),
    sa.PrimaryKeyConstraint('box_id', 'epoch', name=op.f('pk_position'))
    )
    op.create_table('incident',
    sa.Column('id', sa.String(length=26), nullable=False),
    sa.Column('case_no', sa.String(length=24), nullable=False),
    sa.Column('category', sa.String(length=4), nullable=False),
    sa.Column('level', sa.SmallInteger(), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('suspected', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('title_zh', sa.String(length=300), nullable=False),
    sa.Column('title_en', sa.String(length=300), nullable=False),
    sa.Column('box_id', sa.String(length=40), nullable=False),
    sa.Column('device_id', sa.String(length=40), nullable=True),
    sa.Column('civil_code', sa.String(length=15), nullable=False),
    sa.Column('reason', sa.String(length=40), server_default='', nullable=False),
    sa.Column('episode', sa.String(length=80), nullable=True),
    sa.Column('count', sa.Integer(), server_default='1', nullable=False),
    sa.Column('found_at', Moment(), nullable=False),
    sa.Column('opened_at', Moment(), nullable=False),
    sa.Column('sign_due_at', Moment(), nullable=True),
    sa.Column('finish_due_at', Moment(), nullable=True),
    sa.Column('unit', sa.String(length=100), server_default='', nullable=False),
    sa.Column('recovered_at', Moment(), nullable=True),
    sa.Column('evidence', sa.String(length=64), nullable=True),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('updated_at', Moment(), nullable=False),
    sa.ForeignKeyConstraint(['box_id'], ['box.id'], name=op.f('fk_incident_box_id')),
    sa.ForeignKeyConstraint(['device_id'], ['device.id'], name=op.f('fk_incident_device_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incident')),
    sa.UniqueConstraint('case_no', name=op.f('uq_incident_case_no'))
    )
    op.create_index(op.f('ix_incident_box_id'), 'incident', ['box_id'], unique=False)
    op.create_index(op.f('ix_incident_civil_code'), 'incident', ['civil_code'], unique=False)
    op.create_index(op.f('ix_incident_device_id'), 'incident', ['device_id'], unique=False)
    op.create_index('ix_incident_opened', 'incident', ['opened_at', 'id'], unique=False)
    op.create_table('incident_history',
    sa.Column('incident_id', sa.String(length=26), nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('at', Moment(), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('action', sa.String(length=20), nullable=False),
    sa.Column('from_state', sa.String(length=12), nullable=True),
    sa.Column('to_state', sa.String(length=12), nullable=False),
    sa.Column('text', sa.String(length=1000), server_default='', nullable=False),
    sa.ForeignKeyConstraint(['incident_id'], ['incident.id'], name=op.f('fk_incident_history_incident_id')),
    sa.PrimaryKeyConstraint('incident_id', 'number', name=op.f('pk_incident_history'))
    )
    op.create_index(
        "uq_incident_open",
        "incident",
        ["category", "box_id", sa.text("coalesce(device_id, '')")],
        unique=True,
        sqlite_where=sa.text(_OPEN),
        postgresql_where=sa.text(_OPEN),
    )
    op.execute("INSERT INTO feed_head (id, position) VALUES (1, 0)")
