varve_test(connector spec secrets schema connectors)
