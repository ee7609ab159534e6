varve_test(mqtt frame reason properties connect publish ack subscribe disconnect roundtrip topic)
