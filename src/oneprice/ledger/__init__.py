"""What happened and what it amounts to: the journal, the fold over it, the audit, and the black box beside it."""
