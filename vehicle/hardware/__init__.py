"""One file per device behind small protocols."""
