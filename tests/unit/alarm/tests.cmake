varve_test(alarm alarms)
