"""Wire protocols without kinds: HTTP/1.1 server and client connections, WebSocket, SPDY/3.1, TLS contexts."""
