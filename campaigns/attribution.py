"""What a campaign brought: estimates with their intervals, from counts and sums alone."""
