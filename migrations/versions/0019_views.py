"""More views: what came and went, what each root costs, and upload times in seconds.

The views are made anew after every migration; nothing else changes.
"""

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Change nothing but the views."""
