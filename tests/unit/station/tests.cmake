varve_test(station config envelope ids group stations many retention capture readers groups waiting)
