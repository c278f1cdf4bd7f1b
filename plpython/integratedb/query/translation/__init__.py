"""Says in the words of the other faces what a query of one face asks for."""
