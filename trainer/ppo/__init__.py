"""Proximal policy optimisation as plain functions on tensors."""
