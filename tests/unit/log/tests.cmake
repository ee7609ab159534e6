varve_test(log append damage faults histories seek threads wait)
