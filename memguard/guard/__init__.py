"""Pure decisions over the nouns of core: no processes, no clocks of their own."""
