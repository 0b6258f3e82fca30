"""The track catalogue and track geometry."""
