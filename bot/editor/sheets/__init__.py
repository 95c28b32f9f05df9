"""Content as tables: out to XLSX, CSV and PO, and back in as drafts.

`cells` says what a cell can carry, `files` reads and writes tables with limits, `plan` what an import would do; `answers`,
`points` and `po` know the content. A file that is exported and imported unchanged changes nothing.
"""
