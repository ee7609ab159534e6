varve_test(tier commit foreign ledger histories memory requests scrub threads two_writers uploads)
