"""The only way to the API: transports, reflector, informer, lister, events, leader election."""
