varve_test(station config envelope ids group positions stations many retention capture readers groups waiting)
