"""The database: facts about upstream, decisions about the mirror, and its history."""
