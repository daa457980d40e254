"""What calls of models use and cost: prices, budgets, records. `docs/usage.md` tells of it."""
