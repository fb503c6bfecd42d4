"""What servers do that they should not: scripts for `origin`, one connection each."""


def hang(connection):
    connection.read_request()
    connection.fill()  # Until the other side gives up.


def reset(connection):
    connection.read_request()
    connection.reset()


def reset_in_body(connection):
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
    connection.reset()


def garbage(connection):
    connection.read_request()
    connection.send(b"\x00\x01 this is no HTTP\r\n\r\n")
