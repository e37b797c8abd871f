"""Other programs that end a process for its memory: installed into a folder of the benchmark's own, and driven."""
