varve_test(station config envelope ids group stations retention capture readers groups waiting)
