"""Contains the requests of the management API by subject; each calls one public function of the extension."""
