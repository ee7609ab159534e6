varve_test(log append damage faults histories seek marks threads wait)
