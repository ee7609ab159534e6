varve_test(catalog objects users writer open crash faults seal)
