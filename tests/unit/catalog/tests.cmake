varve_test(catalog users writer open crash faults seal)
