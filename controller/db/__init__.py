"""The centre's database: tables, the one transaction, queries by aggregate, migrations."""
