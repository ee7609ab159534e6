varve_test(rule rules later trial)
