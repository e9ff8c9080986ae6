"""The scheduler decides: which worker, which rung, what is asked again and what is given up."""
