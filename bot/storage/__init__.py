"""The database: tables, sessions, encryption, and one repository module per subject. It knows no content and no engine."""
