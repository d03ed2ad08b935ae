"""From the ledger to the provider: claims, limits, threads, receipts."""
