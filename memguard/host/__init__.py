"""Every platform difference, and nothing else."""
