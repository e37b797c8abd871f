"""The person's configuration: read, checked, and compiled for the light half."""
