"""What `memguard doctor` looks at."""
