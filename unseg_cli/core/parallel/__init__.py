"""Ways to do many things at once: jobs in threads, stages around a network, processes."""
