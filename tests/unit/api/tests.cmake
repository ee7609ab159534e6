varve_test(api route schema tokens server openapi endpoints full_disk dashboard stations actions_history)
