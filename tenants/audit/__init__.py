"""The audit trail: written by triggers of the database, never changed, sealed into hash chains."""
