"""Sealed files, each named by how it must end."""
