"""The database itself: tables, connections, transactions, migrations, views."""
