"""What every room uses: errors, events, budgets, files written atomically, devices."""
