"""The requests of the management API, by what they are about; each calls one public function of the extension."""
