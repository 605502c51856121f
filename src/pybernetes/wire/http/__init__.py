"""HTTP/1.1 on httptools: `messages` (values), `server`, `client`."""
